/* SPDX-License-Identifier: ISC */
/*
 * How much memory the index gets, and having its files read before they are
 * asked for. A search of all mailboxes reads each page of the index once: from
 * the engine's own cache that costs a quarter of what it costs through the
 * kernel, and page by page from a disk it takes many times as long as in one go.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/index_private.h"

enum { LEAST = 32 << 20, GROWTH = 4, SHARE = 8 };

static uint64_t
memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

/* Calls each of the index' tables, open; returns the bytes of all. */
static uint64_t
each_table(const char *dir, void (*each)(int fd))
{
	DIR *d = opendir(dir);
	uint64_t bytes = 0;
	struct dirent *e;
	struct stat st;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		int fd = -1;

		if (str_ends(str(e->d_name), STR_LIT(".db")))
			fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0)
			bytes += (uint64_t)st.st_size;
		if (each != NULL)
			each(fd);
		close(fd);
	}
	closedir(d);
	return bytes;
}

static void
read_ahead(int fd)
{
	posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
}

uint64_t
index_cache_size(const char *dir)
{
	uint64_t size = each_table(dir, NULL), most = memory() / SHARE;

	size += size / GROWTH;
	size = size < most ? size : most;
	return size > LEAST ? size : LEAST;
}

void
index_read_ahead(struct index *index)
{
	if (atomic_exchange(&index->was_read_ahead, true) ||
	    each_table(index->dir, NULL) > memory() / SHARE)
		return;
	each_table(index->dir, read_ahead);
}
