/* SPDX-License-Identifier: ISC */
/*
 * Durability, for all who wait at once: one thread that syncs the file system
 * again and again as long as somebody waits, and tells all who came before a
 * sync began when it has ended.
 */
#ifndef STORE_COMMITTER_H
#define STORE_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"

struct committer;

/* Who waits. Embedded; must stay where it is until it is told, or has left. */
struct committer_wait {
	/*
	 * All is durable (failed is NULL), or has failed: then nothing is known
	 * of what is. Called once, by the committer's thread: others wait
	 * meanwhile, so it must be short. May free the wait.
	 */
	void (*done)(struct committer_wait *wait, const struct fault *failed);

	/* Private to the committer. */
	struct committer_wait *prev, *next;
	uint64_t round;
};

/* root is borrowed: a directory on the file system that is to be synced. */
struct committer *committer_new(int root, struct fault *f) MUST_USE;
/* Nobody may be waiting. */
void committer_free(struct committer **committer);

/*
 * Begins to make durable all that the caller did in the file system: returns 0,
 * and wait->done() is called then, maybe before this returns.
 *
 * file and dir are all that was written where that was one file and one name in
 * an open directory, else -1. Where nobody else is waiting they are synced by
 * themselves at once, which is cheaper: blocks, and returns 1, or -1 with the
 * fault; done() is not called.
 */
int committer_begin(struct committer *committer, struct committer_wait *wait,
    int file, int dir, struct fault *f) MUST_USE;
/*
 * After committer_begin() has returned 0: no longer wants to be told. False
 * where no sync had begun, and done() is never called. Else blocks while the
 * sync is running, and done() has been called and has returned.
 */
bool committer_leave(struct committer *committer, struct committer_wait *wait);

#endif
