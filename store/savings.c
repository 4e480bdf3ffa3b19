/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/savings.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/client_private.h"

struct node {
	struct map_node node;
	dev_t dev;
	ino_t ino;
};

struct savings {
	struct savings_sum total, classes[SAVINGS_CLASSES];
	struct map seen; /* files with more than one name */
	struct arena arena;
};

static const struct {
	nlink_t least;
	const char *name;
} classes[SAVINGS_CLASSES] = {
    {1, "1"}, {2, "2"}, {3, "3-9"}, {10, "10-99"}, {100, "100+"}};

struct savings *
savings_new(void)
{
	return mem_new(struct savings);
}

void
savings_free(struct savings **savings)
{
	if (*savings == NULL)
		return;
	map_clear(&(*savings)->seen);
	arena_clear(&(*savings)->arena);
	mem_free(*savings);
	*savings = NULL;
}

const struct savings_sum *
savings_total(const struct savings *s)
{
	return &s->total;
}

const struct savings_sum *
savings_class(const struct savings *s, unsigned class)
{
	return &s->classes[class];
}

const char *
savings_class_name(unsigned class)
{
	return classes[class].name;
}

static bool
is_file(const struct map_node *node, const void *key)
{
	const struct node *n = STRUCT_OF(node, struct node, node);
	const struct stat *st = key;

	return n->dev == st->st_dev && n->ino == st->st_ino;
}

/* The first time that the file is met. */
static bool
is_first(struct savings *s, const struct stat *st)
{
	uint64_t hash =
	    str_hash(str_n((const char *)&st->st_ino, sizeof st->st_ino));
	struct node *n;

	if (st->st_nlink < 2)
		return true;
	if (map_find(&s->seen, hash, is_file, st) != NULL)
		return false;
	n = arena_new(&s->arena, struct node);
	n->dev = st->st_dev;
	n->ino = st->st_ino;
	map_add(&s->seen, &n->node, hash);
	return true;
}

static void
add(struct savings_sum *sum, uint64_t size, bool first)
{
	sum->messages++;
	sum->bytes += size;
	if (!first)
		return;
	sum->files++;
	sum->real += size;
}

static void
add_file(struct savings *s, const struct stat *st)
{
	unsigned class = SAVINGS_CLASSES - 1;
	bool first = is_first(s, st);

	while (class > 0 && st->st_nlink < classes[class].least)
		class --;
	add(&s->total, (uint64_t)st->st_size, first);
	add(&s->classes[class], (uint64_t)st->st_size, first);
}

int
savings_add(
    struct savings *s, const struct client_folder *folder, struct fault *f)
{
	struct client_list list;
	int rc = client_list_read(&list, folder, f);

	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		char path[CLIENT_PATH_SIZE];
		struct stat st;

		/* One that has gone meanwhile saves nothing. */
		client_path(&list.entries[i], path);
		if (fstatat(folder->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			add_file(s, &st);
	}
	client_list_clear(&list);
	return rc;
}
