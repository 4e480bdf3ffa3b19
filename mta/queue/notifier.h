/* SPDX-License-Identifier: ISC */
/*
 * Who is told what became of a recipient (RFC 3461, 3464): decides whether a
 * notice is due, builds it (proto/report.h) and puts it into the change that
 * records the outcome, so that both become durable together.
 *
 * Nobody is told about a message with the null reverse-path; where a notice
 * itself fails, the postmaster is told (double bounce), and nothing follows
 * from that one's failure. Where the one to be told is an alias of ours, those
 * behind it are (reader.h).
 */
#ifndef MTA_QUEUE_NOTIFIER_H
#define MTA_QUEUE_NOTIFIER_H

#include <stddef.h>

#include "base/attr.h"
#include "base/fault.h"
#include "mta/queue/entry.h"

struct notifier;
struct queue;
struct queue_change;
struct socketmap_client;

struct notifier_conf {
	const char *hostname;
	const char *postmaster; /* gets double bounces: an address */
	const char *templates;  /* a folder; NULL: built in */
	uint64_t full_max;      /* bytes of an original that is sent back
				 * whole; 0: 1 MiB */
	int64_t max_age_ms;     /* how long a notice may wait in the queue */
	const char *spool_dir;  /* for large ones; NULL: /tmp. Lives as long */
	/* Lives as long; NULL: whoever is to be told is a mailbox. */
	struct socketmap_client *directory;
};

struct notifier *notifier_new(const struct notifier_conf *conf,
    struct queue *queue, struct fault *f) MUST_USE;
void notifier_free(struct notifier **notifier);

enum notice {
	NOTICE_FAILED,
	NOTICE_DELAYED,
	NOTICE_DELIVERED, /* final delivery, where NOTIFY=SUCCESS */
	NOTICE_RELAYED,   /* to a hop without DSN, where NOTIFY=SUCCESS */
	NOTICE_HELD,      /* a user's limit is passed */
};

/*
 * The entry as it was before the outcome; rcpts are indices into its
 * recipients whose faults, hosts and times are those of the outcome. Adds to
 * the change what is due, which may be nothing: NOTIFY decides for each
 * recipient. -1 where the notice could not be built: then the outcome must
 * not be recorded either.
 */
int notifier_tell(struct notifier *notifier, struct queue_change *change,
    enum notice notice, const struct entry *e, const size_t *rcpts, size_t n,
    struct fault *f) MUST_USE;

#endif
