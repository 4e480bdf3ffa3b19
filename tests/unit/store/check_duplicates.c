/* SPDX-License-Identifier: ISC */
/* store/duplicates.h and store/savings.h: what is the same, and what is one. */
#include "config.h"

#include "store/duplicates.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/savings.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static struct client *client;
static struct mailbox_name ann;
static struct client_folder inbox, sent;

static void
open_folder(const char *name, struct client_folder *open)
{
	struct mailbox_folder folder;
	struct fault f;

	folder = folder_named(name);
	ck_assert_int_eq(
	    client_folder_make(client, &ann, &folder, open, &f), 0);
}

static void
begin(void)
{
	struct fault f;

	place_make(dir, "duplicates");
	client = client_new(dir, "mx.b", &f);
	ck_assert_ptr_nonnull(client);
	ann = mailbox_named("ann@b");
	open_folder("", &inbox);
	open_folder("Sent", &sent);
}

static void
end(void)
{
	client_folder_close(&inbox);
	client_folder_close(&sent);
	client_free(&client);
	place_remove(dir);
}

static void
put(const struct client_folder *folder, const char *path, const char *text)
{
	place_put(folder->dir, path, text);
}

static int
go_on(void *ctx, struct fault *f)
{
	(void)f;
	++*(int *)ctx;
	return 0;
}

/* "id flags: folder/file folder/file;" */
static int
describe(void *ctx, const struct duplicate_group *group, struct fault *f)
{
	struct buf *b = ctx;

	(void)f;
	buf_put_str(b, group->message_id);
	buf_putf(b, " %s:", group->flags);
	for (size_t i = 0; i < group->n; i++)
		buf_putf(b, " %s/%s", group->messages[i]->folder->text,
		    group->messages[i]->file);
	buf_putc(b, ';');
	return 0;
}

static void
assert_found(bool across, const char *wanted)
{
	struct duplicates *d = duplicates_new(across);
	struct fault f = {0};
	struct buf b;
	int seen = 0;

	buf_init(&b, 4096);
	ck_assert_int_eq(duplicates_add(d, &inbox, go_on, &seen, &f), 0);
	ck_assert_int_eq(duplicates_add(d, &sent, go_on, &seen, &f), 0);
	ck_assert_int_eq(duplicates_each(d, client, &ann, describe, &b, &f), 0);
	ck_assert_str_eq(buf_text(&b), wanted);
	buf_clear(&b);
	duplicates_free(&d);
}

START_TEST(messages_are_the_same_by_id_and_body)
{
	begin();
	put(&inbox, "cur/2.a:2,FT", "Message-ID: <x>\nA: 1\n\nbody\n");
	put(&inbox, "new/3.a", "Received: y\nMessage-ID: <x>\n\nbody\n");
	put(&inbox, "cur/4.a:2,S", "Message-ID: <x>\n\nother\n");
	put(&sent, "cur/1.a:2,RS", "message-id:\n <x>\n\nbody\n");
	assert_found(false, "x F: /2.a:2,FT /3.a;");
	assert_found(true, "x FRS: Sent/1.a:2,RS /2.a:2,FT /3.a;");
	end();
}
END_TEST

START_TEST(without_an_id_all_bytes_count)
{
	begin();
	put(&inbox, "cur/1.a:2,D", "A: 1\n\nbody\n");
	put(&inbox, "cur/2.a:2,D", "A: 2\n\nbody\n");
	put(&inbox, "cur/3.a:2,DT", "A: 1\n\nbody\n");
	put(&inbox, "cur/4.a:2,", "Message-ID: \n\nx");
	put(&inbox, "cur/5.a:2,", "Message-ID:  \n\n");
	assert_found(false, " D: /1.a:2,D /3.a:2,DT;");
	end();
}
END_TEST

START_TEST(a_message_without_a_body_ends_with_its_head)
{
	begin();
	put(&inbox, "cur/1.a:2,", "Message-ID: <x>\n");
	put(&inbox, "cur/2.a:2,", "Message-ID: <x>\n\n");
	put(&inbox, "cur/3.a:2,", "Message-ID: <x>\n\n\n");
	assert_found(false, "x : /1.a:2, /2.a:2,;");
	end();
}
END_TEST

START_TEST(one_file_with_many_names_is_counted_once)
{
	struct savings *s;
	struct fault f;

	begin();
	put(&inbox, "cur/1.a:2,", "12345");
	put(&inbox, "cur/2.a:2,", "123");
	ck_assert_int_eq(
	    linkat(inbox.dir, "cur/1.a:2,", sent.dir, "new/1.a", 0), 0);
	ck_assert_int_eq(
	    linkat(inbox.dir, "cur/1.a:2,", sent.dir, "tmp/1.a", 0), 0);
	s = savings_new();
	ck_assert_int_eq(savings_add(s, &inbox, &f), 0);
	ck_assert_int_eq(savings_add(s, &sent, &f), 0);
	ck_assert_uint_eq(savings_total(s)->messages, 3);
	ck_assert_uint_eq(savings_total(s)->files, 2);
	ck_assert_uint_eq(savings_total(s)->bytes, 13);
	ck_assert_uint_eq(savings_total(s)->real, 8);
	ck_assert_uint_eq(savings_class(s, 0)->real, 3);
	ck_assert_uint_eq(savings_class(s, 2)->bytes, 10);
	ck_assert_uint_eq(savings_class(s, 2)->files, 1);
	ck_assert_str_eq(savings_class_name(2), "3-9");
	savings_free(&s);
	end();
}
END_TEST

UNIT_MAIN("duplicates", messages_are_the_same_by_id_and_body,
    without_an_id_all_bytes_count, a_message_without_a_body_ends_with_its_head,
    one_file_with_many_names_is_counted_once)
