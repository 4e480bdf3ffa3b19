/* SPDX-License-Identifier: ISC */
/*
 * Hands one message to one target, by SMTP or LMTP, over a kept connection
 * where there is one. Blocks (RFC 5321 4.5.3.2's time-outs), and says so to the
 * loop. Does not retry: that is the scheduler's.
 */
#ifndef MTA_SEND_SENDER_H
#define MTA_SEND_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/send/target.h"
#include "proto/envelope.h"

struct dns;
struct sender;
struct sts;
struct tls_stats;

struct sender_conf {
	const char *hostname;    /* for EHLO; lives as long as the sender */
	struct dns *dns;         /* borrowed */
	struct sts *sts;         /* borrowed; NULL: no MTA-STS */
	struct tls_stats *stats; /* borrowed; NULL: nothing is counted */
	const char *ca_file;     /* NULL: the system's */
	unsigned max_idle;       /* connections kept in all; 0: 100 */
	int64_t idle_ms;         /* how long; 0: 5 s */
	unsigned max_messages;   /* over one connection; 0: 1000 */
	unsigned max_hosts;      /* tried for one message; 0: 5 */
	int64_t connect_ms;      /* to one address; 0: 30 s */
	const struct net_address *bind4, *bind6; /* source; NULL: any */
	uint16_t port;    /* of MX hosts; 0: 25. For tests. */
	int64_t reply_ms; /* for a reply, or to take a block; 0: what RFC 5321
			   * 4.5.3.2 says, which is never passed */
};

struct sender *sender_new(
    const struct sender_conf *conf, struct fault *f) MUST_USE;
/* No call may be under way. */
void sender_free(struct sender **sender);

/* What became of one recipient. */
struct send_outcome {
	bool ok;
	bool is_answer; /* the server's, or what the message needs and the
			 * server lacks; not the end of a session */
	struct fault fault;
	/* The server's reply in one line, "550 5.1.1 no such user", also where
	 * it is ok; empty: what is said are our own words. */
	struct str reply;
	struct str host;    /* that was tried last; empty: none was */
	struct str address; /* "192.0.2.1:25", "unix:/path" */
};

/* All is borrowed for the call. */
struct send_message {
	const struct envelope_mail *mail;
	const struct envelope_rcpt *rcpts;
	size_t n_rcpts;
	const struct envelope_xforward *xforward; /* for LMTP; NULL: none */
	struct str head;                          /* before the body */
	uint64_t size;                            /* of the body */
	/* Gives the body in pieces; may be called more than once. */
	int (*each)(void *ctx,
	    int (*piece)(void *to, struct str bytes, struct fault *f), void *to,
	    struct fault *f);
	void *ctx;
	struct arena *arena; /* what outcomes say is kept there */
	/* Neither TLSA records nor MTA-STS have a say, and nothing is counted
	 * (RFC 8460 5.3, RFC 8689 5). */
	bool tls_optional;
};

enum send_reach {
	SEND_ANSWERED,  /* outcomes are the server's own words, or what the
			* message needs and the server lacks */
	SEND_UNREACHED, /* no host took a connection, or none the session:
			 * the hop is to blame, not the message */
	SEND_BROKEN,    /* the connection died in the middle, or nonsense
			 * came; nobody has the message */
	SEND_DOUBTFUL,  /* it died after the final dot and before the reply:
			 * the server may have it. A recipient that is tried
			 * again may get it twice (RFC 1047) */
};

struct send_report {
	/* Where it took several transactions (LIMITS RCPTMAX, 452): of those
	 * recipients that are not ok and have no answer of their own. */
	enum send_reach reach;
	struct fault fault; /* where not SEND_ANSWERED */
	char host[DNS_NAME_SIZE];
	char address[64];     /* "192.0.2.1:25", "unix:/path" */
	char tls_version[16]; /* "" where plain */
	char tls_cipher[48];
	bool is_tls_verified; /* by CA, DANE or MTA-STS */
	bool has_dsn;         /* the server makes notifications itself */
	bool slow_down;       /* a reply asked for a lower rate */
	bool was_kept;        /* over a connection of an earlier message */
};

/* Fills an outcome for each recipient, and the report. */
void sender_send(struct sender *sender, const struct target *target,
    const struct send_message *message, struct send_outcome *outcomes,
    struct send_report *report);

/* Drops connections that have been idle for too long; call it now and then. */
void sender_tidy(struct sender *sender);
/* Connections that wait for a message, for `status`. */
unsigned sender_idle(struct sender *sender);

#endif
