/* SPDX-License-Identifier: ISC */
/*
 * Durability, for all who wait at once: one thread that syncs the file system
 * again and again as long as somebody waits, and answers all who came before a
 * sync began when it has ended.
 */
#ifndef STORE_COMMITTER_H
#define STORE_COMMITTER_H

#include "base/attr.h"
#include "base/fault.h"

struct committer;

/* root is borrowed: a directory on the file system that is to be synced. */
struct committer *committer_new(int root, struct fault *f) MUST_USE;
/* Nobody may be waiting. */
void committer_free(struct committer **committer);

/*
 * Blocks until all that the caller did in the file system is durable. file and
 * dir are all that it wrote where that was one file and one name in an open
 * directory, else -1: alone, they are synced by themselves, which is cheaper.
 * After a fault, nothing is known of what is durable.
 */
int committer_wait(
    struct committer *committer, int file, int dir, struct fault *f) MUST_USE;

#endif
