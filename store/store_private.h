/* SPDX-License-Identifier: ISC */
/* What a store is made of. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "store/maildir.h"
#include "store/store.h"

struct boxes;
struct committer;
struct index;
struct recent;

struct store {
	struct store_conf conf; /* its strings are ours */
	char host[MAILDIR_HOST_SIZE];
	int root;
	dev_t dev; /* of root */
	pid_t pid;
	atomic_uint_fast64_t seq; /* for file names */
	struct index *index;
	struct recent *recent;
	struct boxes *boxes;
	struct committer *committer;
};

#endif
