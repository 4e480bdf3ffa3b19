/* SPDX-License-Identifier: ISC */
/* A store in a folder of the test's own. */
#ifndef TESTS_UNIT_STORE_OPENED_H
#define TESTS_UNIT_STORE_OPENED_H

#include "store/store.h"
#include "tests/unit/place.h"

/* The folder, and where in it the Maildirs and the index are. */
static char dir[PLACE_SIZE], root[80], index_dir[80];

static inline void
opened_make(const char *test)
{
	place_make(dir, test);
	snprintf(root, sizeof root, "%s/mail", dir);
	snprintf(index_dir, sizeof index_dir, "%s/index", dir);
}

static inline struct store_conf
opened_conf(void)
{
	return (struct store_conf){
	    .root = root,
	    .index_dir = index_dir,
	    .hostname = "mail.example.org",
	    .index_cache = 1 << 20,
	};
}

static inline struct store *
opened(const struct store_conf *conf)
{
	struct fault f = {.text = ""};
	struct store *store = store_open(conf, &f);

	ck_assert_msg(store != NULL, "%s", f.text);
	return store;
}

#endif
