/* SPDX-License-Identifier: ISC */
/* The lines of a transaction, as the client writes them: each extension's
 * parameters only where the peer has it (EXT_ bits). */
#ifndef PROTO_SMTP_COMMAND_H
#define PROTO_SMTP_COMMAND_H

#include <stdint.h>

#include "base/buf.h"
#include "proto/envelope.h"

/* size is for RFC 1870; 0: unknown. */
void smtp_command_put_mail(struct buf *out, const struct envelope_mail *mail,
    bool smtputf8, uint64_t size, unsigned extensions);
void smtp_command_put_rcpt(
    struct buf *out, const struct envelope_rcpt *rcpt, unsigned extensions);

/* As many lines as it takes for what is said and what the peer names (split
 * by blanks). Returns how many. */
unsigned smtp_command_put_xforward(struct buf *out,
    const struct envelope_xforward *xforward, const char *names);

#endif
