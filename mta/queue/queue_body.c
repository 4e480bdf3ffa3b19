/* SPDX-License-Identifier: ISC */
/*
 * Bodies that are too large for the database: files in body/, named by the
 * message's id. A file is durable before its message is committed, and goes
 * after the message has; what a crash leaves behind is swept at start.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/spool.h"
#include "mta/queue/queue_private.h"

enum {
	PIECE = 64 << 10,
	PAGE = 8 << 10, /* of the table */
	ON_PAGE = 2000, /* longer ones have pages of their own */
	TRIES = 100,
	TRY_MS = 20,
};

uint64_t
queue_body_used(uint64_t size)
{
	if (size > QUEUE_BODY_INLINE)
		return 0;
	return size > ON_PAGE ? (size / (PAGE - 100) + 1) * PAGE : size * 2;
}

static int
write_piece(void *ctx, struct str bytes, struct fault *f)
{
	const int *fd = ctx;

	if (file_write(*fd, bytes) < 0)
		return fault_errno(f, "cannot write a body");
	return 0;
}

static int
write_all(int fd, struct str head, struct spool *body, struct fault *f)
{
	if (write_piece(&fd, head, f) < 0 ||
	    (body != NULL && spool_each(body, write_piece, &fd, f) < 0))
		return -1;
	return fsync(fd) < 0 ? fault_errno(f, "cannot sync a body") : 0;
}

/* The file of an id is there where another hand-over of it is under way, or
 * where the message has just left: a list's comes in several parts, of which
 * the first may be sent by now. Either way it is soon over. */
static int
make_file(struct queue *q, const struct ident *id, struct fault *f)
{
	for (int tries = 0;; tries++) {
		int fd = openat(q->body_dir, id->text,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return fault_errno(
			    f, "cannot make %s/body/%s", q->dir, id->text);
		if (tries == TRIES)
			return fault_temp(
			    f, "4.3.0", "%s is on its way already", id->text);
		poll(NULL, 0, TRY_MS);
	}
}

static int
write_file(struct queue *q, const struct ident *id, struct str head,
    struct spool *body, struct fault *f)
{
	int fd = make_file(q, id, f);
	int rc;

	if (fd < 0)
		return -1;
	rc = write_all(fd, head, body, f);
	close(fd);
	/* The name must be there as surely as the bytes. */
	if (rc == 0 && fsync(q->body_dir) < 0)
		rc = fault_errno(f, "cannot sync %s/body", q->dir);
	if (rc < 0)
		queue_body_remove(q, id);
	return rc;
}

int
queue_body_write(struct queue *q, const struct ident *id, struct str head,
    struct spool *body, struct fault *f)
{
	int rc;

	loop_blocking_begin();
	rc = write_file(q, id, head, body, f);
	loop_blocking_end();
	return rc;
}

void
queue_body_remove(struct queue *q, const struct ident *id)
{
	if (queue_backup_keeps(q, id))
		return;
	if (unlinkat(q->body_dir, id->text, 0) < 0 && errno != ENOENT)
		log_warn(NULL, "cannot remove a body", "id", id->text, "reason",
		    strerror(errno), NULL);
}

int
queue_body_each_piece(struct queue *q, const struct ident *id,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f)
{
	int fd =
	    openat(q->body_dir, id->text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *bytes;
	int rc = 0;

	if (fd < 0)
		return fault_errno(
		    f, "cannot open %s/body/%s", q->dir, id->text);
	bytes = mem_zeroed(1, PIECE);
	while (rc == 0) {
		ssize_t n = read(fd, bytes, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = fault_errno(f, "cannot read a body");
		if (n <= 0)
			break;
		rc = piece(ctx, str_n(bytes, (size_t)n), f);
	}
	mem_free(bytes);
	close(fd);
	return rc;
}

static int
sweep_file(
    struct queue *q, const char *name, struct buf *value, struct fault *f)
{
	int found = db_get(q->message, NULL, str(name), value, f);

	if (found < 0)
		return -1;
	if (found == 0 && unlinkat(q->body_dir, name, 0) < 0)
		return fault_errno(f, "cannot remove %s/body/%s", q->dir, name);
	return 0;
}

int
queue_body_sweep(struct queue *q, struct fault *f)
{
	int fd = openat(q->body_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct buf value;
	int rc = 0;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return fault_errno(f, "cannot read %s/body", q->dir);
	}
	buf_init(&value, ENTRY_BYTES_MAX);
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		if (ident_is_ours(str(e->d_name)))
			rc = sweep_file(q, e->d_name, &value, f);
	}
	buf_clear(&value);
	closedir(dir);
	return rc;
}
