/* SPDX-License-Identifier: ISC */
/*
 * What other programs do in the mailboxes that are in use, as the kernel tells
 * it (inotify): messages that come, move, get other flags or go, and folders
 * that come and go.
 *
 * A mailbox is followed from its first delivery or change on, while there are
 * watches: those that were used least lately are given up for others. What is
 * not followed, and what the kernel could not keep, is found by the times of
 * directories (store/index_pass.c).
 *
 * All belongs to the index' writer but one thread, which rings when there is
 * something to read, and only after some time, so that much is read at once.
 */
#ifndef STORE_FOLLOW_H
#define STORE_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct follow;
struct index;
struct index_folder;

/*
 * At most max_watches directories, and never more than half of what the user
 * may have (fs.inotify.max_user_watches). dir, the index' own, is watched too:
 * index_doubt() is called where files there go. NULL, with a log line, where
 * the kernel gives nothing; NULL without one where max_watches is 0.
 */
struct follow *follow_new(
    struct index *index, const char *dir, uint64_t max_watches) MUST_USE;
/* The thread that calls index_ring(). */
int follow_start(struct follow *follow, struct fault *f) MUST_USE;
/* Null-safe. Folders are followed no more. */
void follow_free(struct follow **follow);
/* The index' directory is another one now. */
void follow_index_dir(struct follow *follow);

/* Something happens in the folder's mailbox: it is to be followed. */
void follow_use(struct index_folder *folder);
/* Something was not told: the folder's mailbox is compared, and followed anew
 * when it is used again. */
void follow_distrust(struct index_folder *folder);
/* What could not be followed may be tried again. Null-safe. */
void follow_retry(struct follow *follow);
/* The record of a delivery into new/ was written: to be told of that file
 * again is no news. */
void follow_wrote(struct index_folder *folder, struct str base);

/* Takes what was told until now, without waiting. The folders concerned wait
 * (index_wait()), or are lost where what changed has no name. Null-safe. */
void follow_read(struct follow *follow);
/* Whether something that was read is not in the records yet. */
bool follow_has_changes(const struct index_folder *folder);
/* Writes it. What may be of a delivery that is still to be written waits for
 * that, and some seconds at most. */
int follow_apply(struct index_folder *folder, struct fault *f) MUST_USE;
/* All is going to be compared. */
void follow_forget_changes(struct index_folder *folder);

/* Whether whatever happens in the folder is told. */
bool follow_is_on(const struct index_folder *folder);
/* And whether the records are known to have agreed at a moment since: then
 * they agree again whenever all that was told is written. */
bool follow_is_sure(const struct index_folder *folder);
/* They agree, or did so when the folder was read, after the first of what was
 * not told yet. Nothing where it is not followed. */
void follow_set_sure(struct index_folder *folder);
/* For how many milliseconds that has been unknown. */
int64_t follow_unsure_ms(const struct index_folder *folder);

#endif
