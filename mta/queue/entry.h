/* SPDX-License-Identifier: ISC */
/*
 * What the queue knows of one message: its envelope, and how far each recipient
 * has come. A value in memory, and bytes in the table `message`.
 *
 * A route is never part of it: it is computed again for each attempt. Only
 * what the operator has said of this message (via) stands before the rules.
 */
#ifndef MTA_QUEUE_ENTRY_H
#define MTA_QUEUE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/envelope.h"
#include "proto/ident.h"

enum {
	ENTRY_RCPTS_MAX = 20000,
	ENTRY_BYTES_MAX = 32 << 20, /* of an entry without its body */
	/* More than an attempt may add to the bytes of a recipient. */
	ENTRY_RCPT_ROOM = 1220,
	ENTRY_VIA_MAX = 300,
};

/* The fault's code where a recipient was given up after many attempts. */
#define ENTRY_EXPIRED "4.4.7"

enum entry_state {
	ENTRY_WAITING,
	ENTRY_DELIVERED, /* the next hop has it, or it was discarded */
	ENTRY_FAILED,    /* and whoever wants to know of it was told */
};

struct entry_rcpt {
	struct envelope_rcpt to;
	enum entry_state state;
	int64_t due; /* ms since 1970; when to try again */
	unsigned attempts;
	int64_t last; /* ms since 1970, of the last attempt; 0: none */
	/* Of the last attempt: how it failed, and the last host that was
	 * tried; empty where there was none. */
	struct fault fault;
	struct str host;    /* "mx.example.org" */
	struct str address; /* "192.0.2.1:25" */
	/* What the host has said, in one line: "550 5.1.1 no such user"; empty
	 * where it said nothing, and the fault's words are our own. */
	struct str reply;
	bool goes_via;   /* to the entry's next hop, whatever the routes say */
	bool was_warned; /* a delay notice went out */
	bool relayed;    /* delivered to one that makes no DSN (RFC 3461
			     * 4.1): "relayed" was told instead */
};

/* Strings are views into the arena that entry_decode() was given. */
struct entry {
	struct ident id;
	int64_t arrived; /* ms since 1970 */
	int64_t expires;
	struct envelope_mail mail;
	struct envelope_xforward client; /* who brought it, as it was told */
	/* Whose turn it is: the login, or else the reverse-path's domain. One
	 * owner's many messages do not delay another's (scheduler.h). */
	struct str owner;
	/* A next hop by the operator's word, as route_parse_via() takes it, for
	 * those recipients that go there; empty: none. */
	struct str via;
	uint64_t size;     /* of the body, in bytes */
	bool is_held;      /* by the operator: no attempt until released */
	bool is_notice;    /* made here, about another message */
	bool tls_optional; /* as of a send_message (mta/send/sender.h) */
	bool body_in_file; /* body/ID, else in the table `body` */
	size_t n_rcpts;
	struct entry_rcpt *rcpts;
};

/* Appends the bytes that entry_decode() reads: a version, then fields. Times
 * are not negative; mail.size is not kept (e->size is what came). */
void entry_encode(const struct entry *e, struct buf *out);
/* Reads all versions so far. -1 with 5.3.0 where bytes are no entry, or one of
 * a later version. */
int entry_decode(struct str bytes, struct arena *arena, struct entry *e,
    struct fault *f) MUST_USE;

/* Whether any recipient waits. */
bool entry_is_open(const struct entry *e);

#endif
