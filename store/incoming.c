/* SPDX-License-Identifier: ISC */
/* From bytes to a file, and from there to names in mailboxes. */
#include "config.h"

#include "store/incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/box.h"
#include "store/index.h"
#include "store/store_private.h"

void
incoming_init(
    struct incoming *m, struct store *store, const char *ident, bool binary)
{
	memset(m, 0, sizeof *m);
	m->store = store;
	m->ident = ident;
	m->binary = binary;
	m->fd = -1;
	buf_init(&m->bytes, 2 * INCOMING_PIECE_MAX);
	buf_init(&m->head, RECORD_HEAD_MAX);
	attachments_init(&m->attachments);
}

void
incoming_clear(struct incoming *m)
{
	incoming_drop(m);
	buf_clear(&m->bytes);
	buf_clear(&m->head);
	digest_free(&m->hash);
}

static void
store_bytes(struct incoming *m, struct str bytes)
{
	if (bytes.len == 0)
		return;
	buf_put_str(&m->bytes, bytes);
	m->size += bytes.len;
	m->last = bytes.at[bytes.len - 1];
}

/* CRLF becomes LF; a CR that ends the piece waits for the next. */
static void
store_text(struct incoming *m, struct str bytes)
{
	while (bytes.len > 0) {
		size_t cr = str_find(bytes, '\r');

		if (m->has_cr && bytes.at[0] != '\n')
			store_bytes(m, STR_LIT("\r"));
		else if (m->has_cr)
			m->extra++;
		m->has_cr = cr < bytes.len;
		store_bytes(m, str_head(bytes, cr));
		bytes = str_from(bytes, cr + 1);
	}
}

static void
store_binary(struct incoming *m, struct str bytes)
{
	struct str rest = bytes;
	char last = m->last;

	while (rest.len > 0) {
		size_t lf = str_find(rest, '\n');

		if (lf == rest.len)
			break;
		if ((lf > 0 ? rest.at[lf - 1] : last) != '\r')
			m->extra++;
		last = '\n';
		rest = str_from(rest, lf + 1);
	}
	store_bytes(m, bytes);
}

void
incoming_put(struct incoming *m, struct str piece)
{
	if (m->binary)
		store_binary(m, piece);
	else
		store_text(m, piece);
}

bool
incoming_is_full(const struct incoming *m)
{
	return buf_len(&m->bytes) >= INCOMING_PIECE_MAX;
}

void
incoming_end(struct incoming *m)
{
	if (m->has_cr && !m->binary)
		store_bytes(m, STR_LIT("\r"));
	m->has_cr = false;
}

bool
incoming_is_empty(const struct incoming *m)
{
	return m->size == 0 && !m->has_cr;
}

/*
 * The file.
 */
/* Ends with the name that the file gets, as far as sizes are known. */
static void
make_name(struct incoming *m)
{
	struct store *store = m->store;
	const struct maildir_facts facts = {
	    .time_us = clock_unix_us(),
	    .pid = store->pid,
	    .seq = atomic_fetch_add(&store->seq, 1),
	    .ident = str(m->ident),
	    .host = store->host,
	    .size = m->size,
	    .wire_size = m->size + m->extra,
	};

	maildir_name_format(&facts, m->name);
}

int
incoming_open(struct incoming *m, struct box *box, struct fault *f)
{
	make_name(m);
	snprintf(m->tmp, sizeof m->tmp, "tmp/%s", m->name);
	m->fd = openat(box->dir, m->tmp,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	m->home = box;
	if (m->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return 1;
	return fault_errno(f, "cannot make a file for %s", box->mailbox.text);
}

static int
write_all(int fd, struct str bytes, struct fault *f)
{
	if (file_write(fd, bytes) < 0)
		return fault_errno(f, "cannot write the message");
	return 0;
}

int
incoming_spill(struct incoming *m, struct fault *f)
{
	struct str bytes = buf_str(&m->bytes);

	if (m->hash == NULL) {
		m->hash = digest_new();
		buf_put_str(&m->head, str_head(bytes, RECORD_HEAD_MAX));
	}
	if (write_all(m->fd, bytes, f) < 0)
		return -1;
	digest_add(m->hash, bytes);
	attachments_feed(&m->attachments, bytes);
	buf_reset(&m->bytes);
	return 0;
}

int
incoming_write(struct incoming *m, struct fault *f)
{
	/* The sizes were not known yet when it was opened. */
	if (m->hash != NULL)
		make_name(m);
	return write_all(m->fd, buf_str(&m->bytes), f);
}

void
incoming_drop(struct incoming *m)
{
	if (m->fd < 0)
		return;
	close(m->fd);
	m->fd = -1;
	if (m->tmp[0] != '\0')
		unlinkat(m->home->dir, m->tmp, 0);
}

/*
 * Its names.
 */

static int
copy_bytes(int from, int to, struct fault *f)
{
	char bytes[1 << 16];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(from, bytes, sizeof bytes, at);

		if (n == 0)
			return 0;
		if (n < 0)
			return fault_errno(f, "cannot read the message again");
		if (write_all(to, str_n(bytes, (size_t)n), f) < 0)
			return -1;
		at += n;
	}
}

/* Where there can be no link: another file system, or too many links. */
static int
place_copy(struct incoming *m, struct box *box, bool sync, struct fault *f)
{
	int from = openat(m->home->dir, m->tmp, O_RDONLY | O_CLOEXEC);
	int to = -1, rc = -1;

	if (from < 0)
		return fault_errno(f, "cannot read the message again");
	to = openat(box->dir, m->tmp,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0) {
		fault_errno(f, "cannot make a file for %s", box->mailbox.text);
		goto out;
	}
	if (copy_bytes(from, to, f) < 0)
		goto out;
	if ((sync && fsync(to) < 0) ||
	    file_rename(box->dir, m->tmp, box->new_dir, m->name) < 0)
		fault_errno(f, "cannot deliver to %s", box->mailbox.text);
	else
		rc = 0;
out:
	if (rc < 0 && to >= 0)
		unlinkat(box->dir, m->tmp, 0);
	if (to >= 0)
		close(to);
	close(from);
	return rc;
}

static int
place_link(struct incoming *m, struct box *box, bool sync, struct fault *f)
{
	if (linkat(m->home->dir, m->tmp, box->new_dir, m->name, 0) == 0)
		return 0;
	if (errno == EXDEV || errno == EMLINK || errno == EPERM ||
	    errno == EOPNOTSUPP)
		return place_copy(m, box, sync, f);
	return fault_errno(f, "cannot deliver to %s", box->mailbox.text);
}

int
incoming_place(struct incoming *m, struct box *box, bool sync, struct fault *f)
{
	if (box != m->home)
		return place_link(m, box, sync, f);
	if (file_rename(box->dir, m->tmp, box->new_dir, m->name) < 0)
		return fault_errno(
		    f, "cannot deliver to %s", box->mailbox.text);
	m->tmp[0] = '\0';
	return 0;
}

void
incoming_tell(struct incoming *m, struct index_news *news)
{
	struct str rest = buf_str(&m->bytes);

	if (m->hash != NULL) {
		digest_add(m->hash, rest);
		digest_end(m->hash, m->digest);
	} else {
		digest_take(rest, m->digest);
	}
	attachments_feed(&m->attachments, rest);
	attachments_end(&m->attachments);
	memset(news, 0, sizeof *news);
	news->name = str(m->name);
	news->head = m->hash != NULL ? buf_str(&m->head) : rest;
	news->size = m->size;
	news->wire_size = m->size + m->extra;
	news->digest = str_n((const char *)m->digest, sizeof m->digest);
	news->has_attachments = true;
	news->attachments = m->attachments.count;
}
