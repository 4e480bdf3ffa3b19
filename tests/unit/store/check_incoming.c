/* SPDX-License-Identifier: ISC */
/* store/incoming.h: what is in the file, and what the index is told of it. */
#include "config.h"

#include "store/incoming.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/box.h"
#include "store/index.h"
#include "store/store.h"
#include "tests/unit/store/named.h"
#include "tests/unit/store/opened.h"
#include "tests/unit/unit.h"

static struct store *store;
static struct boxes *boxes;
static int mail;

static void
begin(void)
{
	const struct store_conf conf = opened_conf();

	opened_make("incoming");
	store = opened(&conf);
	mail = place_open(root);
	boxes = boxes_new(mail, NULL, 10);
}

static void
end(void)
{
	boxes_free(&boxes);
	close(mail);
	store_close(&store);
	place_remove(dir);
}

static struct box *
get_box(const char *name)
{
	struct mailbox_folder inbox = {.text = ""};
	struct mailbox_name mailbox;
	struct box *box;
	struct fault f;

	mailbox = mailbox_named(name);
	box = boxes_get(boxes, &mailbox, &inbox, &f);
	ck_assert_ptr_nonnull(box);
	return box;
}

/* All of a file in new/. */
static void
read_file(struct box *box, const char *name, struct buf *b)
{
	int fd = openat(box->new_dir, name, O_RDONLY | O_CLOEXEC);
	size_t room;
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	buf_reset(b);
	do {
		char *at = buf_space(b, 4096, &room);

		ck_assert_ptr_nonnull(at);
		n = read(fd, at, room);
		ck_assert_int_ge(n, 0);
		buf_added(b, (size_t)n);
	} while (n > 0);
	close(fd);
}

/* Feeds the message in pieces, into a box and a second one that links to it. */
static void
deliver(struct str message, size_t step, bool binary, struct buf *stored)
{
	struct box *ann = get_box("ann@b"), *bob = get_box("bob@b");
	uint8_t digest[DIGEST_LEN];
	struct index_news news;
	struct incoming m;
	struct fault f;

	incoming_init(&m, store, "", binary);
	ck_assert(incoming_is_empty(&m));
	for (size_t at = 0; at < message.len; at += step) {
		incoming_put(&m, str_head(str_from(message, at), step));
		if (!incoming_is_full(&m))
			continue;
		if (m.fd < 0)
			ck_assert_int_eq(incoming_open(&m, ann, &f), 0);
		ck_assert_int_eq(incoming_spill(&m, &f), 0);
	}
	incoming_end(&m);
	if (m.fd < 0)
		ck_assert_int_eq(incoming_open(&m, ann, &f), 0);
	ck_assert_int_eq(incoming_write(&m, &f), 0);
	ck_assert_int_eq(incoming_place(&m, bob, false, &f), 0);
	ck_assert_int_eq(incoming_place(&m, ann, false, &f), 0);
	incoming_tell(&m, &news);
	read_file(bob, m.name, stored);
	read_file(ann, m.name, stored);
	ck_assert_uint_eq(m.size, buf_len(stored));
	ck_assert_uint_eq(news.size, buf_len(stored));
	ck_assert_uint_eq(news.wire_size, message.len);
	digest_take(buf_str(stored), digest);
	ck_assert(
	    str_is(news.digest, str_n((const char *)digest, sizeof digest)));
	ck_assert(
	    str_starts(buf_str(stored), str_head(news.head, RECORD_HEAD_MAX)));
	ck_assert_uint_ge(
	    news.head.len, m.size < RECORD_HEAD_MAX ? m.size : RECORD_HEAD_MAX);
	ck_assert(news.has_attachments);
	ck_assert_uint_eq(news.attachments, 1);
	incoming_clear(&m);
	boxes_put(boxes, &ann);
	boxes_put(boxes, &bob);
}

START_TEST(the_digest_is_that_of_the_file_however_the_bytes_came)
{
	static const size_t steps[] = {1000, 4096, INCOMING_PIECE_MAX};
	struct buf message, stored;

	begin();
	buf_init(&message, 4 << 20);
	buf_init(&stored, 4 << 20);
	buf_puts(&message,
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	    "Content-Type: image/png\r\n\r\n");
	deliver(buf_str(&message), 1, false, &stored);
	ck_assert_view_eq(buf_str(&stored),
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	    "Content-Type: image/png\n\n");
	for (unsigned i = 0; i < 60000; i++)
		buf_putf(&message, "line %u\r\n", i);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		deliver(buf_str(&message), steps[i], false, &stored);
		deliver(buf_str(&message), steps[i], true, &stored);
		ck_assert(str_is(buf_str(&stored), buf_str(&message)));
	}
	buf_clear(&message);
	buf_clear(&stored);
	end();
}
END_TEST

START_TEST(a_file_that_got_no_name_is_removed)
{
	struct box *ann;
	struct incoming m;
	struct fault f;
	char tmp[300];

	begin();
	ann = get_box("ann@b");
	incoming_init(&m, store, "", false);
	incoming_put(&m, STR_LIT("x\r\n"));
	ck_assert_int_eq(incoming_open(&m, ann, &f), 0);
	ck_assert_int_eq(incoming_write(&m, &f), 0);
	snprintf(tmp, sizeof tmp, "tmp/%s", m.name);
	ck_assert_int_eq(faccessat(ann->dir, tmp, F_OK, 0), 0);
	incoming_clear(&m);
	ck_assert_int_ne(faccessat(ann->dir, tmp, F_OK, 0), 0);
	boxes_put(boxes, &ann);
	end();
}
END_TEST

START_TEST(a_directory_that_has_gone_is_told_apart)
{
	struct box *ann;
	struct incoming m;
	struct fault f;

	begin();
	ann = get_box("ann@b");
	ck_assert_int_eq(unlinkat(ann->dir, "tmp", AT_REMOVEDIR), 0);
	incoming_init(&m, store, "", false);
	ck_assert_int_eq(incoming_open(&m, ann, &f), 1);
	incoming_clear(&m);
	boxes_put(boxes, &ann);
	end();
}
END_TEST

UNIT_MAIN("incoming", the_digest_is_that_of_the_file_however_the_bytes_came,
    a_file_that_got_no_name_is_removed, a_directory_that_has_gone_is_told_apart)
