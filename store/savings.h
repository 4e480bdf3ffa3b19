/* SPDX-License-Identifier: ISC */
/*
 * What it saves that a message for many mailboxes is one file with many names
 * (store/delivery.h): the sizes of all names against those of the files.
 */
#ifndef STORE_SAVINGS_H
#define STORE_SAVINGS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/client.h"

/* By how many names a file has: 1, 2, 3 to 9, 10 to 99, 100 and more. */
enum { SAVINGS_CLASSES = 5 };

struct savings_sum {
	uint64_t messages, bytes; /* names in folders */
	uint64_t files, real;     /* and the files that they are, in bytes */
};

struct savings;

struct savings *savings_new(void) MUST_USE;
void savings_free(struct savings **savings);

/* All messages of a folder. A file that was met before, in whatever mailbox, is
 * one more name of it. */
int savings_add(struct savings *savings, const struct client_folder *folder,
    struct fault *f) MUST_USE;

const struct savings_sum *savings_total(const struct savings *savings);
/* Of one class, from 0 on. */
const struct savings_sum *savings_class(
    const struct savings *savings, unsigned class);
/* "10-99" */
const char *savings_class_name(unsigned class);

#endif
