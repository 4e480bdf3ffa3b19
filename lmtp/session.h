/* SPDX-License-Identifier: ISC */
/* One client of posthouse-lmtpd: usually smtpd, or somebody else's MTA. */
#ifndef LMTP_SESSION_H
#define LMTP_SESSION_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/log.h"
#include "base/server.h"
#include "lmtp/options.h"
#include "proto/ident.h"
#include "proto/smtp_stream.h"

struct delivery;
struct limits;
struct socketmap_client;
struct store;
struct warnings;

struct lmtpd_counters {
	atomic_uint_fast64_t connections;
	atomic_uint_fast64_t messages; /* stored for one recipient or more */
	atomic_uint_fast64_t stored;   /* recipients */
	atomic_uint_fast64_t repeated;
	atomic_uint_fast64_t failed;
};

/* What all sessions share; constant but for the counters. */
struct lmtpd {
	const struct lmtpd_options *options;
	const char *hostname;
	struct smtp_server_conf engine;         /* for most peers */
	struct smtp_server_conf engine_trusted; /* for those with XFORWARD */
	struct net_network *trusted;
	size_t n_trusted;
	uid_t *trusted_users;
	size_t n_trusted_users;
	const char **domains; /* A-labels; where directory = none */
	size_t n_domains;
	struct socketmap_client *directory;
	struct socketmap_client *nodes; /* remembers nothing */
	struct limits *limits;          /* NULL: nobody has any */
	struct warnings *warnings;      /* NULL: nobody is told */
	struct store *store;
	struct lmtpd_counters counters;
};

struct lmtp_session {
	struct lmtpd *lmtpd;
	struct smtp_stream stream;
	char id[IDENT_SESSION_SIZE];
	struct log_ctx log;
	int64_t since; /* clock_ms() */
	uint64_t messages;

	/* Of the transaction. */
	char message_id[80];       /* the delivery id */
	struct delivery *delivery; /* from the first recipient on */
	bool body_begun;
	/* The engine's, while they are awaited; else NULL. */
	struct smtp_outcome *outcomes;
	struct buf *words;
};

/* service is a struct lmtpd. */
extern const struct session_ops lmtp_session_ops;

#endif
