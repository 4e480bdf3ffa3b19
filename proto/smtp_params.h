/* SPDX-License-Identifier: ISC */
/*
 * The arguments of MAIL and RCPT, a path and the parameters of extensions,
 * and of XFORWARD. Grammar only: what is offered or allowed is not asked here.
 */
#ifndef PROTO_SMTP_PARAMS_H
#define PROTO_SMTP_PARAMS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"
#include "proto/envelope.h"
#include "proto/reply.h"

/*
 * args is what stands behind the verb: "FROM:<a@b> SIZE=10". Strings go into
 * the arena. -1 with the reply: 501 bad syntax, a bad value, or a parameter that
 * comes twice; 553 an address that needs SMTPUTF8; 555 an unknown parameter.
 */
int smtp_params_mail(struct str args, struct arena *arena,
    struct envelope_mail *mail, struct smtp_reply *r) MUST_USE;
/* "TO:<a@b> NOTIFY=NEVER". smtputf8 is the transaction's. */
int smtp_params_rcpt(struct str args, bool smtputf8, struct arena *arena,
    struct envelope_rcpt *rcpt, struct smtp_reply *r) MUST_USE;

enum {
	SMTP_XFORWARD_ATTRIBUTES = 7,
	SMTP_XFORWARD_TEXT_SIZE = 256,
};

/* What the strings of a struct envelope_xforward point at. */
struct smtp_xforward_texts {
	char text[SMTP_XFORWARD_ATTRIBUTES][SMTP_XFORWARD_TEXT_SIZE];
};

/* "ADDR=192.0.2.1 HELO=a.example". What is not named stays as it was; what
 * comes again replaces. -1 with 501 for what is no attribute, or no xtext of up
 * to 255 bytes. */
int smtp_params_xforward(struct str args, struct smtp_xforward_texts *texts,
    struct envelope_xforward *x, struct smtp_reply *r) MUST_USE;

#endif
