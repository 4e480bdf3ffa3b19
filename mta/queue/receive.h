/* SPDX-License-Identifier: ISC */
/*
 * One client of posthouse-queued: smtpd, or a program of the machine that sends
 * mail. It hands messages over by LMTP; each recipient gets 250 only when the
 * message is durable for it.
 */
#ifndef MTA_QUEUE_RECEIVE_H
#define MTA_QUEUE_RECEIVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/server.h"
#include "proto/smtp_server.h"

struct notifier;
struct queue;
struct scheduler;
struct user_limits;

struct receive_counters {
	atomic_uint_fast64_t connections;
	atomic_uint_fast64_t messages; /* taken */
	atomic_uint_fast64_t held;     /* of these, by a user's limit */
	atomic_uint_fast64_t failed;   /* not taken when they were whole */
};

/* What all sessions share; constant but for the counters. */
struct receiver {
	struct queue *queue;
	struct scheduler *scheduler; /* for ETRN */
	const char *hostname;
	const char *spool_dir; /* holds large messages while they come */
	struct smtp_server_conf engine;
	uid_t *users; /* that may hand over, besides root and our own */
	size_t n_users;
	struct notifier *notifier;
	struct user_limits *user_limits; /* may be NULL */
	const char *user_rate;           /* what they are, for people */
	int64_t max_age_ms;              /* how long a message may wait */
	int64_t command_ms, data_ms;
	struct receive_counters counters;
	/* Held while the committer touches a session that waits for it. */
	pthread_mutex_t mutex;
	pthread_cond_t settled;
};

/*
 * Whether the peer may hand over: on a unix socket root, our own user and the
 * users named; on TCP (which is loopback, says the configuration) anybody.
 */
bool receive_trusts(
    const struct receiver *receiver, const struct net_peer *peer);

/* service is a struct receiver. */
extern const struct session_ops receive_session_ops;

#endif
