/* SPDX-License-Identifier: ISC */
/* All mailboxes that are on disk or in the index, in order. */
#include "config.h"

#include <stdlib.h>

#include "store/index_private.h"

#include "base/mem.h"

struct names {
	struct str after;
	char **paths;
	size_t n, room;
};

static int
add_path(void *ctx, const char *path, struct fault *f)
{
	struct names *names = ctx;

	(void)f;
	if (str_compare(str(path), names->after) <= 0)
		return 0;
	if (names->n == names->room) {
		names->room = names->room * 2 + 256;
		names->paths =
		    mem_resize(names->paths, names->room, sizeof(char *));
	}
	names->paths[names->n++] = mem_dup(path);
	return 0;
}

static int
add_known(void *ctx, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_stat *stat)
{
	struct names *names = ctx;

	(void)folder;
	(void)stat;
	/* The folders of a mailbox come in a row. */
	if (names->n > 0 &&
	    str_is(str(names->paths[names->n - 1]), str(mailbox->path)))
		return 0;
	return add_path(names, mailbox->path, NULL);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
give(const struct names *names,
    int (*each)(void *ctx, const struct mailbox_name *mailbox), void *ctx)
{
	struct mailbox_name mailbox;
	int rc = 0;

	for (size_t i = 0; i < names->n && rc == 0; i++) {
		if (i > 0 && strcmp(names->paths[i], names->paths[i - 1]) == 0)
			continue;
		if (index_name_from_path(str(names->paths[i]), &mailbox))
			rc = each(ctx, &mailbox);
	}
	return rc;
}

int
index_each_name(struct index *index, struct str after,
    int (*each)(void *ctx, const struct mailbox_name *mailbox), void *ctx,
    struct fault *f)
{
	struct names names = {.after = after};
	int rc = -1;

	if (index_walk_mailboxes(index, add_path, &names, f) == 0 &&
	    index_each_folder(
		index, (struct index_range){0}, add_known, &names, f) == 0) {
		if (names.n > 0)
			qsort(names.paths, names.n, sizeof(char *),
			    compare_paths);
		rc = give(&names, each, ctx);
	}
	for (size_t i = 0; i < names.n; i++)
		mem_free(names.paths[i]);
	mem_free(names.paths);
	return rc;
}
