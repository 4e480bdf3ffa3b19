/* SPDX-License-Identifier: ISC */
/* A body in memory, and in an unnamed file past a limit. */
#include "config.h"

#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

enum { PIECE = 64 << 10 };

struct spool {
	struct buf memory;
	const char *dir;
	int fd;           /* -1 while all is in memory */
	uint64_t on_disk; /* bytes; what follows them is in memory */
};

struct spool *
spool_new(const char *dir, size_t in_memory)
{
	struct spool *s = mem_new(struct spool);

	s->dir = dir;
	s->fd = -1;
	buf_init(&s->memory, in_memory > PIECE ? in_memory : PIECE);
	return s;
}

void
spool_free(struct spool **spool)
{
	if (*spool == NULL)
		return;
	if ((*spool)->fd >= 0)
		close((*spool)->fd);
	buf_clear(&(*spool)->memory);
	mem_free(*spool);
	*spool = NULL;
}

/* Not every file system has files without a name. */
static int
open_unnamed(const char *dir, struct fault *f)
{
	char path[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return fault_errno(f, "cannot make a file in %s", dir);
	if ((size_t)snprintf(path, sizeof path, "%s/body.XXXXXX", dir) >=
	    sizeof path)
		return fault_temp(f, "4.3.0", "%s is too long a path", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return fault_errno(f, "cannot make a file in %s", dir);
	unlink(path);
	return fd;
}

static int
write_all(struct spool *s, struct str bytes, struct fault *f)
{
	while (bytes.len > 0) {
		ssize_t n =
		    pwrite(s->fd, bytes.at, bytes.len, (off_t)s->on_disk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, "cannot write in %s", s->dir);
		s->on_disk += (uint64_t)n;
		bytes = str_from(bytes, (size_t)n);
	}
	return 0;
}

static int
move_to_disk(struct spool *s, struct fault *f)
{
	if (s->fd < 0)
		s->fd = open_unnamed(s->dir, f);
	if (s->fd < 0 || write_all(s, buf_str(&s->memory), f) < 0)
		return -1;
	buf_reset(&s->memory);
	return 0;
}

int
spool_put(struct spool *spool, struct str bytes, struct fault *f)
{
	if (buf_len(&spool->memory) + bytes.len <= spool->memory.max) {
		buf_put_str(&spool->memory, bytes);
		return 0;
	}
	if (move_to_disk(spool, f) < 0)
		return -1;
	if (bytes.len > spool->memory.max)
		return write_all(spool, bytes, f);
	buf_put_str(&spool->memory, bytes);
	return 0;
}

uint64_t
spool_size(const struct spool *spool)
{
	return spool->on_disk + buf_len(&spool->memory);
}

static int
each_on_disk(struct spool *s,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f)
{
	char *bytes = mem_zeroed(1, PIECE);
	uint64_t at = 0;
	int rc = 0;

	while (rc == 0 && at < s->on_disk) {
		uint64_t left = s->on_disk - at;
		ssize_t n =
		    pread(s->fd, bytes, left < PIECE ? left : PIECE, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0) {
			rc = fault_errno(f, "cannot read back a body");
			break;
		}
		at += (uint64_t)n;
		rc = piece(ctx, str_n(bytes, (size_t)n), f);
	}
	mem_free(bytes);
	return rc;
}

int
spool_each(struct spool *spool,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f)
{
	if (spool->on_disk > 0 && each_on_disk(spool, piece, ctx, f) < 0)
		return -1;
	if (buf_len(&spool->memory) == 0)
		return 0;
	return piece(ctx, buf_str(&spool->memory), f);
}
