/* SPDX-License-Identifier: ISC */
/*
 * The store: all Maildirs under one root, and the index beside them.
 *
 * The Maildirs are the truth, and an IMAP server may change them at any time.
 * The index is a cache: it never delays or refuses a delivery, and is made
 * again from the Maildirs when it is lost. One process has a store open.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/control.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/mailbox.h"
#include "store/quota.h"

enum store_commit {
	STORE_COMMIT_GROUP, /* syncfs and one directory fsync a batch */
	STORE_COMMIT_EACH,  /* fsync of each file and directory (NFS, or a
				 * file system shared with heavy writers) */
};

struct store_conf {
	const char *root;      /* made with mode 0700 where missing */
	const char *index_dir; /* the Berkeley DB environment */
	const char *hostname;  /* in file names */
	enum store_commit commit;
	struct quota_conf quota;
	uint64_t index_cache; /* bytes; 0: see store/index.h */
	/* How what other programs do is noticed while the store is open:
	 * directories that are watched at most, and the milliseconds in which
	 * all mailboxes are looked at. An interval of 0: not at all. */
	uint64_t watches;
	int64_t look_interval;
};

struct keeper_conf;
struct store;

/*
 * Takes the lock, opens the index (or makes it anew, moving what cannot be
 * mended aside, with a log line), removes what a crash left half made, and
 * brings the index up to date with each mailbox that changed while nobody
 * watched. After this, repeated deliveries are known.
 */
struct store *store_open(
    const struct store_conf *conf, struct fault *f) MUST_USE;
/* The two halves of store_open(), for a daemon that gives up root in between:
 * only the second touches the disk. */
struct store *store_new(const struct store_conf *conf) MUST_USE;
int store_start(struct store *store, struct fault *f) MUST_USE;
/* Waits for what is under way; writes what the index still has to learn. */
void store_close(struct store **store);
const struct store_conf *store_conf(const struct store *store);
/* The folder of all mailboxes, open as long as the store is. */
int store_root(const struct store *store);
/* Lives as long as the store. */
struct quotas *store_quotas(const struct store *store);

/* From here on the store does what is to be done daily: store/keeper.h. */
int store_keep(struct store *store, const struct keeper_conf *conf,
    struct fault *f) MUST_USE;
/* Who calls its methods where no call of a control socket does
 * (base/control.h); the user of this process until it is set. */
void store_set_caller(struct store *store, uid_t uid);

/*
 * The operator's methods (store_methods.c lists them), by the same code on a running lmtpd (control socket) and
 * on a store that posthouse opened itself. ctx is the store. Ended by a NULL
 * name.
 */
extern const struct control_method store_methods[];

#endif
