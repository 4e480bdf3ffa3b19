/* SPDX-License-Identifier: ISC */
/*
 * Where a directory is kept. directory.c has the rules; a driver has the
 * records and no opinion about them. Private to directory*.c.
 *
 * All names are keys. Reads may come from many threads at once. Changes come
 * one at a time, each touches one record, and is durable when it returns 0.
 */
#ifndef AUTH_DIRECTORY_DRIVER_H
#define AUTH_DIRECTORY_DRIVER_H

#include <pthread.h>

#include "auth/directory.h"
#include "auth/name.h"

enum { DIRECTORY_TARGETS_SIZE = DIRECTORY_TARGETS_MAX * NAME_SIZE };

struct directory_store;

struct directory_driver {
	struct directory_store *(*open)(const char *where, struct fault *f);
	void (*close)(struct directory_store **store);

	/* 1 found, 0 not, -1 fault. targets is replaced by names split by
	 * blanks. user may be NULL. */
	int (*get_domain)(
	    struct directory_store *store, struct str domain, struct fault *f);
	int (*get_user)(struct directory_store *store, struct str name,
	    struct directory_user *user, struct fault *f);
	int (*get_alias)(struct directory_store *store, struct str name,
	    struct buf *targets, struct fault *f);

	int (*put_domain)(
	    struct directory_store *store, struct str domain, struct fault *f);
	int (*put_user)(struct directory_store *store,
	    const struct directory_user *user, struct fault *f);
	int (*put_alias)(struct directory_store *store, struct str name,
	    struct str targets, struct fault *f);

	/* What is kept beside the names: a value of at most 4096 bytes. */
	int (*get_setting)(struct directory_store *store, const char *name,
	    struct buf *value, struct fault *f);
	int (*put_setting)(struct directory_store *store, const char *name,
	    struct str value, struct fault *f);

	/* 1 where it was there, 0 where not. */
	int (*del_domain)(
	    struct directory_store *store, struct str domain, struct fault *f);
	int (*del_user)(
	    struct directory_store *store, struct str name, struct fault *f);
	int (*del_alias)(
	    struct directory_store *store, struct str name, struct fault *f);

	/* As directory_each_*(): in order of domain, then of local part. */
	int (*each_domain)(struct directory_store *store, struct str after,
	    directory_each_domain_call *each, void *ctx, struct fault *f);
	int (*each_user)(struct directory_store *store, struct str domain,
	    struct str after, directory_each_user_call *each, void *ctx,
	    struct fault *f);
	int (*each_alias)(struct directory_store *store, struct str domain,
	    struct str after, directory_each_alias_call *each, void *ctx,
	    struct fault *f);

	int (*count)(struct directory_store *store,
	    struct directory_counts *counts, struct fault *f);
};

extern const struct directory_driver directory_bdb;

struct directory {
	const struct directory_driver *driver;
	struct directory_store *store;
	pthread_mutex_t changes;
	char srs_domain[NAME_SIZE]; /* empty: no rewriting */
};

/* Around the checks and the write of one change. The disk, and others who wait
 * for it, may take their time. */
void directory_begin_change(struct directory *d);
void directory_end_change(struct directory *d);

#endif
