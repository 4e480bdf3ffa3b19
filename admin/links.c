/* SPDX-License-Identifier: ISC */
/* Inodes, and where they went. */
#include "config.h"

#include "admin/links.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"

struct inode {
	dev_t dev;
	ino_t ino;
};

struct link {
	struct map_node node;
	struct inode inode;
	struct tree_file file;
	const char *path;
};

struct links {
	struct arena arena;
	struct map map;
};

struct links *
links_new(void)
{
	return mem_new(struct links);
}

void
links_free(struct links **links)
{
	if (*links == NULL)
		return;
	map_clear(&(*links)->map);
	arena_clear(&(*links)->arena);
	mem_free(*links);
	*links = NULL;
}

static bool
is_inode(const struct map_node *node, const void *key)
{
	const struct link *l = (const void *)node;
	const struct inode *i = key;

	return l->inode.dev == i->dev && l->inode.ino == i->ino;
}

static uint64_t
hash(const struct inode *i)
{
	const uint64_t numbers[] = {(uint64_t)i->dev, (uint64_t)i->ino};

	return str_hash(str_n((const char *)numbers, sizeof numbers));
}

static struct link *
find(const struct links *links, const struct stat *st)
{
	const struct inode i = {st->st_dev, st->st_ino};

	return (void *)map_find(&links->map, hash(&i), is_inode, &i);
}

const char *
links_find(
    const struct links *links, const struct stat *st, struct tree_file *file)
{
	const struct link *l = st->st_nlink > 1 ? find(links, st) : NULL;

	if (l == NULL || l->file.size != (uint64_t)st->st_size ||
	    l->file.mtime != tree_time(st))
		return NULL;
	*file = l->file;
	return l->path;
}

void
links_put(struct links *links, const struct stat *st, const char *path,
    const struct tree_file *file)
{
	struct link *l;

	if (st->st_nlink < 2)
		return;
	l = find(links, st);
	if (l == NULL) {
		l = arena_new(&links->arena, struct link);
		l->inode = (struct inode){st->st_dev, st->st_ino};
		map_add(&links->map, &l->node, hash(&l->inode));
	}
	l->file = *file;
	l->path = arena_text(&links->arena, str(path));
}
