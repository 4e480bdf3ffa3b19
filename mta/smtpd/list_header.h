/* SPDX-License-Identifier: ISC */
/*
 * What a mailing list does to the header section of a message (RFC 2369, 2919):
 * its own fields are put, those of a list before it are taken out, and where it
 * is asked for, From becomes an address that receivers accept from us. The body
 * is never touched, nor the subject: signatures stay good.
 */
#ifndef MTA_SMTPD_LIST_HEADER_H
#define MTA_SMTPD_LIST_HEADER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

/* A list; all is borrowed. */
struct list_facts {
	struct str address;     /* "team@example.org", ASCII */
	struct str owner;       /* "owner-team@example.org" */
	struct str id;          /* "team.example.org" */
	struct str title;       /* UTF-8; may be empty */
	struct str unsubscribe; /* a URI; may be empty */
	bool rewrites_from; /* of authors whose domain is not the list's: their
			     * address goes to Reply-To (where there is none)
			     * and X-Original-From */
};

/* Whether the message has been through this list. */
bool list_header_is_looping(struct str header, const struct list_facts *l);

/* List-Id, List-Post, List-Help, List-Owner, List-Unsubscribe, Precedence. */
void list_header_put_own(struct buf *b, const struct list_facts *l);

/* What becomes of the message's own header section, its end included. False
 * where that is what it was. */
bool list_header_put_rest(
    struct buf *b, struct str header, const struct list_facts *l) MUST_USE;

#endif
