/* SPDX-License-Identifier: ISC */
/* store/client.h: folders and messages while others change them. */
#include "config.h"

#include "store/client.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/maildirsize.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static struct client *client;
static struct mailbox_name ann, bob;

static void
begin(void)
{
	struct fault f;

	place_make(dir, "client");
	client = client_new(dir, "mx.b", &f);
	ck_assert_ptr_nonnull(client);
	ann = mailbox_named("ann@b");
	bob = mailbox_named("bob@b");
}

static void
end(void)
{
	client_free(&client);
	place_remove(dir);
}

static struct client_folder
make(const struct mailbox_name *mailbox, const char *name)
{
	struct mailbox_folder folder;
	struct client_folder open;
	struct fault f = {0};

	folder = folder_named(name);
	ck_assert_msg(
	    client_folder_make(client, mailbox, &folder, &open, &f) == 0, "%s",
	    f.text);
	return open;
}

static void
put(const struct client_folder *folder, const char *path, const char *text)
{
	place_put(folder->dir, path, text);
}

static bool
has(const struct client_folder *folder, const char *path)
{
	return place_has(folder->dir, path);
}

static void
assert_text(int at, const char *path, const char *wanted)
{
	char text[512] = "";
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_ge(read(fd, text, sizeof text - 1), 0);
	ck_assert_str_eq(text, wanted);
	close(fd);
}

static void
read_list(struct client_list *list, const struct client_folder *folder)
{
	struct fault f = {0};

	ck_assert_msg(client_list_read(list, folder, &f) == 0, "%s", f.text);
}

START_TEST(a_list_has_each_message_once_in_the_order_of_time)
{
	struct client_folder folder;
	struct client_list list;

	begin();
	folder = make(&ann, "");
	put(&folder, "cur/1700000002.a.h:2,S", "x");
	put(&folder, "new/1700000001.b.h", "x");
	put(&folder, "new/1700000002.a.h", "x");
	put(&folder, "cur/odd", "x");
	put(&folder, "cur/.hidden", "x");
	ck_assert_int_eq(mkdirat(folder.dir, "cur/1700000009.dir", 0700), 0);
	read_list(&list, &folder);
	ck_assert_uint_eq(list.n, 3);
	ck_assert_str_eq(list.entries[0].file, "odd");
	ck_assert_str_eq(list.entries[1].file, "1700000001.b.h");
	ck_assert(list.entries[1].is_new);
	ck_assert_str_eq(list.entries[2].file, "1700000002.a.h:2,S");
	ck_assert(!list.entries[2].is_new);
	ck_assert_view_eq(list.entries[2].name.flags, "S");
	client_list_clear(&list);
	client_folder_close(&folder);
	end();
}
END_TEST

START_TEST(a_message_is_opened_whatever_flags_it_got)
{
	struct client_folder folder;
	struct client_list list;
	struct fault f;
	int fd;

	begin();
	folder = make(&ann, "");
	put(&folder, "new/1.a.h", "text");
	put(&folder, "new/2.b.h", "gone");
	ck_assert_int_eq(symlinkat("1.a.h", folder.dir, "new/3.c.h"), 0);
	read_list(&list, &folder);
	ck_assert_uint_eq(list.n, 2);
	ck_assert_int_eq(
	    renameat(folder.dir, "new/1.a.h", folder.dir, "cur/1.a.h:2,FS"), 0);
	ck_assert_int_eq(unlinkat(folder.dir, "new/2.b.h", 0), 0);
	ck_assert_int_eq(
	    client_open(&folder, &list, &list.entries[0], &fd, &f), 1);
	close(fd);
	ck_assert_str_eq(list.entries[0].file, "1.a.h:2,FS");
	ck_assert(!list.entries[0].is_new);
	ck_assert_int_eq(
	    client_open(&folder, &list, &list.entries[1], &fd, &f), 0);
	ck_assert_int_eq(
	    client_set_flags(&folder, &list, &list.entries[0], str("RS"), &f),
	    1);
	ck_assert(has(&folder, "cur/1.a.h:2,RS"));
	ck_assert_int_eq(
	    client_set_flags(&folder, &list, &list.entries[1], str("S"), &f),
	    0);
	client_list_clear(&list);
	client_folder_close(&folder);
	end();
}
END_TEST

enum { MESSAGES = 2000 };

struct flagger {
	const struct client_folder *folder;
	atomic_bool stop;
};

/* Gives one message after another other flags, as quickly as it can. */
static void *
flag_on(void *arg)
{
	struct flagger *g = arg;

	for (unsigned turn = 0; !g->stop; turn++) {
		for (unsigned i = 0; i < MESSAGES; i++) {
			char from[64], to[64];

			snprintf(from, sizeof from, "cur/%u.x.h:2,%s", i + 1,
			    turn % 2 == 0 ? "" : "S");
			snprintf(to, sizeof to, "cur/%u.x.h:2,%s", i + 1,
			    turn % 2 == 0 ? "S" : "");
			renameat(g->folder->dir, from, g->folder->dir, to);
		}
	}
	return NULL;
}

START_TEST(no_message_is_passed_over_for_being_renamed)
{
	struct client_folder folder;
	struct flagger flagger = {.folder = &folder};
	pthread_t thread;

	begin();
	folder = make(&ann, "");
	for (unsigned i = 0; i < MESSAGES; i++) {
		char path[64];

		snprintf(path, sizeof path, "cur/%u.x.h:2,", i + 1);
		put(&folder, path, "");
	}
	ck_assert_int_eq(pthread_create(&thread, NULL, flag_on, &flagger), 0);
	for (int i = 0; i < 10; i++) {
		struct client_list list;

		read_list(&list, &folder);
		ck_assert_uint_eq(list.n, MESSAGES);
		client_list_clear(&list);
	}
	flagger.stop = true;
	pthread_join(thread, NULL);
	client_folder_close(&folder);
	end();
}
END_TEST

struct seen {
	struct buf names;
	int stop_after;
};

static int
see_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct seen *s = ctx;

	(void)f;
	buf_putf(&s->names, "%s;", folder->folder.text);
	return --s->stop_after == 0 ? 7 : 0;
}

static int
see_mailbox(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct seen *s = ctx;

	(void)f;
	buf_putf(&s->names, "%s;", mailbox->text);
	return 0;
}

START_TEST(folders_and_mailboxes_come_in_the_order_of_names)
{
	struct client_folder top;
	struct seen seen = {.stop_after = 0};
	struct fault f;

	begin();
	buf_init(&seen.names, 1024);
	top = make(&ann, "Sent");
	client_folder_close(&top);
	top = make(&ann, "B\xc3\xbc"
			 "cher/Alte");
	client_folder_close(&top);
	top = make(&ann, "");
	ck_assert_int_eq(mkdirat(top.dir, ".ssh", 0700), 0);
	ck_assert_int_eq(mkdirat(top.dir, "posthouse", 0700), 0);
	ck_assert_int_eq(symlinkat(".Sent", top.dir, ".Link"), 0);
	ck_assert_int_eq(
	    client_each_folder(client, &ann, see_folder, &seen, &f), 0);
	ck_assert_str_eq(buf_text(&seen.names), ";B\xc3\xbc"
						"cher/Alte;Sent;");
	buf_reset(&seen.names);
	seen.stop_after = 2;
	ck_assert_int_eq(
	    client_each_folder(client, &ann, see_folder, &seen, &f), 7);
	ck_assert_int_eq(
	    client_each_folder(client, &bob, see_folder, &seen, &f), -1);
	ck_assert_str_eq(f.dsn, "5.1.1");
	client_folder_close(&top);
	top = make(&bob, "");
	client_folder_close(&top);
	struct mailbox_name other = mailbox_named("zoe@a");
	top = make(&other, "");
	client_folder_close(&top);
	buf_reset(&seen.names);
	ck_assert_int_eq(
	    client_each_mailbox(client, str(""), see_mailbox, &seen, &f), 0);
	ck_assert_str_eq(buf_text(&seen.names), "zoe@a;ann@b;bob@b;");
	buf_reset(&seen.names);
	ck_assert_int_eq(
	    client_each_mailbox(client, str("b"), see_mailbox, &seen, &f), 0);
	ck_assert_str_eq(buf_text(&seen.names), "ann@b;bob@b;");
	ck_assert_int_eq(
	    client_each_mailbox(client, str(".."), see_mailbox, &seen, &f), 0);
	buf_clear(&seen.names);
	end();
}
END_TEST

START_TEST(a_folder_that_is_made_is_marked_and_subscribed_to)
{
	struct client_folder top, folder;

	begin();
	folder = make(&ann, "Lists/a");
	ck_assert(has(&folder, "maildirfolder"));
	client_folder_close(&folder);
	top = make(&ann, "");
	assert_text(top.dir, "subscriptions", "Lists.a\n");
	put(&top, "courierimapsubscribed", "INBOX.Old\n");
	folder = make(&ann, "B");
	client_folder_close(&folder);
	folder = make(&ann, "B");
	client_folder_close(&folder);
	assert_text(top.dir, "subscriptions", "Lists.a\nB\n");
	assert_text(top.dir, "courierimapsubscribed", "INBOX.Old\nINBOX.B\n");
	ck_assert_int_eq(unlinkat(top.dir, "subscriptions", 0), 0);
	folder = make(&ann, "C/D");
	client_folder_close(&folder);
	ck_assert(!has(&top, "subscriptions"));
	assert_text(top.dir, "courierimapsubscribed",
	    "INBOX.Old\nINBOX.B\nINBOX.C.D\n");
	put(&top, "subscriptions", "V\t2\n\nC\tD\n");
	folder = make(&ann, "E/F/G");
	client_folder_close(&folder);
	assert_text(top.dir, "subscriptions", "V\t2\n\nC\tD\nE\tF\tG\n");
	ck_assert(!has(&top, "subscriptions.lock"));
	client_folder_close(&top);
	end();
}
END_TEST

static enum client_moved
transfer(
    struct client_folder *from, struct client_folder *to, enum client_how how)
{
	struct client_target target;
	struct client_list list;
	enum client_moved moved;
	struct fault f = {0};

	read_list(&list, from);
	ck_assert_uint_eq(list.n, 1);
	ck_assert_int_eq(client_target_read(&target, to, &f), 0);
	ck_assert_msg(client_transfer(from, &list, &list.entries[0], &target,
			  how, &moved, &f) == 0,
	    "%s", f.text);
	ck_assert_int_eq(client_sync(to, &f), 0);
	client_target_clear(&target);
	client_list_clear(&list);
	return moved;
}

START_TEST(a_copy_is_a_link_and_made_once)
{
	struct client_folder from, to;
	struct stat st;

	begin();
	from = make(&ann, "");
	to = make(&bob, "In");
	put(&from, "cur/1.a.h,S=4:2,S", "text");
	ck_assert_int_eq(transfer(&from, &to, CLIENT_COPY), CLIENT_DONE);
	ck_assert_int_eq(fstatat(to.dir, "cur/1.a.h,S=4:2,S", &st, 0), 0);
	ck_assert_uint_eq(st.st_nlink, 2);
	/* Even where it has other flags meanwhile. */
	ck_assert_int_eq(
	    renameat(to.dir, "cur/1.a.h,S=4:2,S", to.dir, "cur/1.a.h,S=4:2,FS"),
	    0);
	ck_assert_int_eq(transfer(&from, &to, CLIENT_COPY), CLIENT_THERE);
	ck_assert(!has(&to, "cur/1.a.h,S=4:2,S"));
	ck_assert(has(&from, "cur/1.a.h,S=4:2,S"));
	client_folder_close(&from);
	client_folder_close(&to);
	end();
}
END_TEST

START_TEST(a_move_leaves_one_message)
{
	struct client_folder from, to;
	struct client_list list;

	begin();
	from = make(&ann, "");
	to = make(&ann, "Old");
	put(&from, "new/1.a.h", "text");
	ck_assert_int_eq(transfer(&from, &to, CLIENT_MOVE), CLIENT_DONE);
	ck_assert(!has(&from, "new/1.a.h"));
	assert_text(to.dir, "new/1.a.h", "text");
	/* A move that was cut off behind its copy goes on. */
	put(&from, "cur/1.a.h:2,S", "text");
	ck_assert_int_eq(transfer(&from, &to, CLIENT_MOVE), CLIENT_THERE);
	ck_assert(!has(&from, "cur/1.a.h:2,S"));
	/* Another message of the same name is no copy. */
	put(&from, "cur/1.a.h:2,S", "another");
	ck_assert_int_eq(transfer(&from, &to, CLIENT_MOVE), CLIENT_DONE);
	assert_text(to.dir, "new/1.a.h", "text");
	read_list(&list, &to);
	ck_assert_uint_eq(list.n, 2);
	ck_assert(list.entries[0].name.is_ours);
	ck_assert_uint_eq(list.entries[0].name.size, 7);
	ck_assert_view_eq(list.entries[0].name.flags, "S");
	client_list_clear(&list);
	client_folder_close(&from);
	client_folder_close(&to);
	end();
}
END_TEST

START_TEST(a_move_to_another_file_system_copies_and_then_removes)
{
	const struct timespec times[] = {{.tv_sec = 5}, {.tv_sec = 1600000000}};
	struct client_folder from, to;
	struct client *ours;
	struct fault f;
	struct stat st;
	char shm[] = "/dev/shm/check_client.XXXXXX";

	begin();
	from = make(&ann, "");
	if (mkdtemp(shm) == NULL || stat(shm, &st) < 0)
		ck_abort_msg("no second file system");
	ours = client;
	client = client_new(shm, "mx.b", &f);
	to = make(&ann, "");
	put(&from, "cur/1.a.h:2,S", "text");
	ck_assert_int_eq(utimensat(from.dir, "cur/1.a.h:2,S", times, 0), 0);
	ck_assert_int_eq(transfer(&from, &to, CLIENT_COPY), CLIENT_DONE);
	ck_assert_int_eq(transfer(&from, &to, CLIENT_COPY), CLIENT_THERE);
	ck_assert_int_eq(transfer(&from, &to, CLIENT_MOVE), CLIENT_THERE);
	ck_assert(!has(&from, "cur/1.a.h:2,S"));
	assert_text(to.dir, "cur/1.a.h:2,S", "text");
	ck_assert_int_eq(fstatat(to.dir, "cur/1.a.h:2,S", &st, 0), 0);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1600000000);
	put(&from, "cur/2.a.h:2,S", "more");
	ck_assert_int_eq(transfer(&from, &to, CLIENT_MOVE), CLIENT_DONE);
	ck_assert(!has(&from, "cur/2.a.h:2,S"));
	assert_text(to.dir, "cur/2.a.h:2,S", "more");
	client_folder_close(&to);
	client_free(&client);
	place_remove(shm);
	client = ours;
	client_folder_close(&from);
	end();
}
END_TEST

static void
assert_size(
    const struct client_folder *inbox, uint64_t bytes, uint64_t messages)
{
	struct maildirsize size;
	struct fault f;

	ck_assert_int_eq(maildirsize_read(inbox->dir, &size, &f), 1);
	ck_assert_uint_eq(size.bytes, bytes);
	ck_assert_uint_eq(size.messages, messages);
}

START_TEST(what_comes_and_goes_is_counted_for_the_quota)
{
	struct client_folder from, to, other;

	begin();
	from = make(&ann, "");
	to = make(&ann, "Old");
	other = make(&bob, "");
	put(&from, "maildirsize", "1000S\n4 1\n");
	put(&other, "maildirsize", "1000S\n0 0\n");
	put(&from, "new/1.a.h", "text");
	ck_assert_int_eq(transfer(&from, &to, CLIENT_MOVE), CLIENT_DONE);
	assert_size(&from, 4, 1);
	ck_assert_int_eq(transfer(&to, &from, CLIENT_COPY), CLIENT_DONE);
	assert_size(&from, 8, 2);
	ck_assert_int_eq(transfer(&from, &other, CLIENT_MOVE), CLIENT_DONE);
	assert_size(&from, 4, 1);
	assert_size(&other, 4, 1);
	/* It is there already. */
	ck_assert_int_eq(transfer(&to, &other, CLIENT_MOVE), CLIENT_THERE);
	assert_size(&from, 0, 0);
	assert_size(&other, 4, 1);
	client_folder_close(&from);
	client_folder_close(&to);
	client_folder_close(&other);
	end();
}
END_TEST

START_TEST(a_mailbox_is_renamed_where_there_is_none)
{
	struct mailbox_name new = mailbox_named("ann@other");
	struct client_folder folder;
	struct fault f;

	begin();
	folder = make(&ann, "Sent");
	client_folder_close(&folder);
	folder = make(&bob, "");
	client_folder_close(&folder);
	ck_assert_int_eq(client_rename_mailbox(client, &ann, &bob, &f), 0);
	ck_assert_int_eq(client_rename_mailbox(client, &ann, &new, &f), 1);
	ck_assert_int_eq(client_rename_mailbox(client, &ann, &new, &f), -1);
	ck_assert_int_eq(
	    faccessat(client->root, "other/ann/.Sent/cur", F_OK, 0), 0);
	end();
}
END_TEST

START_TEST(a_name_has_its_bounds)
{
	char file[MAILDIR_NAME_SIZE], longest[300];

	memset(longest, 'x', sizeof longest);
	ck_assert(client_file_name(str("a"), str("S"), true, file));
	ck_assert_str_eq(file, "a");
	ck_assert(client_file_name(str("a"), str(""), false, file));
	ck_assert_str_eq(file, "a:2,");
	ck_assert(client_file_name(str_n(longest, 251), str("S"), false, file));
	ck_assert(
	    !client_file_name(str_n(longest, 252), str("S"), false, file));
}
END_TEST

UNIT_MAIN("client", a_list_has_each_message_once_in_the_order_of_time,
    a_message_is_opened_whatever_flags_it_got,
    no_message_is_passed_over_for_being_renamed,
    folders_and_mailboxes_come_in_the_order_of_names,
    a_folder_that_is_made_is_marked_and_subscribed_to,
    a_copy_is_a_link_and_made_once, a_move_leaves_one_message,
    a_move_to_another_file_system_copies_and_then_removes,
    what_comes_and_goes_is_counted_for_the_quota, a_name_has_its_bounds,
    a_mailbox_is_renamed_where_there_is_none)
