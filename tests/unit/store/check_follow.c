/* SPDX-License-Identifier: ISC */
/* store/follow.h and the looks at times, by the index that they keep right:
 * what another program does in a Maildir is in the index soon, unasked. */
#include "config.h"

#include "store/follow.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/index.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE], index_dir[80];
static int root;
static struct index *index_;
static struct mailbox_name ann;

enum { NO_LOOK = 3600000, SOON = 1000, PATIENCE = 3000 /* tens of ms */ };

static void
make(const char *path)
{
	ck_assert_int_eq(mkdirat(root, path, 0700), 0);
}

static void
make_maildir(const char *path)
{
	static const char *const parts[] = {"", "/new", "/cur", "/tmp"};
	char part[256];

	for (size_t i = 0; i < 4; i++) {
		snprintf(part, sizeof part, "%s%s", path, parts[i]);
		make(part);
	}
}

static void
write_to(const char *path, const char *text)
{
	place_put(root, path, text);
}

static void
move(const char *from, const char *to)
{
	ck_assert_int_eq(renameat(root, from, root, to), 0);
}

/* As a delivery agent does it. */
static void
put(const char *path, const char *text)
{
	write_to("b/ann/tmp/x", text);
	move("b/ann/tmp/x", path);
}

static void
drop(const char *path)
{
	ck_assert_int_eq(unlinkat(root, path, 0), 0);
}

static void
open_index(uint64_t watches, int64_t interval_ms)
{
	const struct index_attention attention = {
	    .watches = watches,
	    .interval_ms = interval_ms,
	};
	struct fault f = {.text = ""};

	index_ = index_open(index_dir, 1 << 20, root, &f);
	ck_assert_msg(index_ != NULL, "%s", f.text);
	ck_assert_msg(index_sweep(index_, &f) == 0, "%s", f.text);
	index_attend(index_, &attention);
	ck_assert_int_eq(index_start(index_, &f), 0);
}

static void
begin(uint64_t watches, int64_t interval_ms)
{
	char path[80];

	place_make(dir, "follow");
	snprintf(index_dir, sizeof index_dir, "%s/index", dir);
	snprintf(path, sizeof path, "%s/mail", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	root = place_open(path);
	make("b");
	make_maildir("b/ann");
	ann = mailbox_named("ann@b");
	open_index(watches, interval_ms);
}

static void
end(void)
{
	index_close(&index_);
	close(root);
	place_remove(dir);
}

/* What the index has, a message a line; nothing is compared with the disk. */
struct seen {
	const struct mailbox_folder *folder;
	char text[4000];
	uint64_t folders, messages, unseen, bytes;
};

static int
see(void *ctx, struct str base, const struct record *r)
{
	struct seen *s = ctx;
	size_t used = strlen(s->text);

	snprintf(s->text + used, sizeof s->text - used,
	    "%s/%s/%.*s%.*s %llu \"%.*s\"\n", s->folder->text,
	    r->place == RECORD_NEW ? "new" : "cur", STR_ARG(base),
	    STR_ARG(r->info), (unsigned long long)r->size, STR_ARG(r->subject));
	return 0;
}

static int
see_folder(void *ctx, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_stat *stat)
{
	struct seen *s = ctx;
	struct fault f;

	s->folders++;
	s->messages += stat->messages;
	s->unseen += stat->unseen;
	s->bytes += stat->bytes;
	s->folder = folder;
	return index_each_message(index_, mailbox, folder, str(""), see, s, &f);
}

static int
see_all(struct index *index, void *ctx, struct fault *f)
{
	return index_each_folder(
	    index, (struct index_range){0}, see_folder, ctx, f);
}

static struct seen
look(void)
{
	struct seen s = {.text = ""};
	struct fault f = {.text = ""};

	ck_assert_msg(index_run(index_, see_all, &s, &f) == 0, "%s", f.text);
	return s;
}

static void
wait_a_bit(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* Within half a minute; much sooner in truth. */
static void
await(const char *want)
{
	struct seen s = look();

	for (int i = 0; i < PATIENCE && strcmp(s.text, want) != 0; i++) {
		wait_a_bit();
		s = look();
	}
	ck_assert_str_eq(s.text, want);
}

static void
await_numbers(uint64_t folders, uint64_t messages, uint64_t bytes)
{
	struct seen s = look();

	for (int i = 0;
	     i < PATIENCE && (s.folders != folders || s.messages != messages ||
				 s.bytes != bytes);
	     i++) {
		wait_a_bit();
		s = look();
	}
	ck_assert_uint_eq(s.folders, folders);
	ck_assert_uint_eq(s.messages, messages);
	ck_assert_uint_eq(s.bytes, bytes);
}

static const char text[] = "Subject: one\n\nbody\n";

static void
learn(const char *name)
{
	struct mailbox_folder inbox;
	struct index_folder *folder;
	const struct index_news news = {
	    .name = str(name),
	    .head = str(text),
	    .size = sizeof text - 1,
	};
	char path[300];

	inbox = folder_named("");
	folder = index_folder_hold(index_, &ann, &inbox);
	index_announce(folder);
	snprintf(path, sizeof path, "b/ann/new/%s", name);
	put(path, text);
	index_learn(folder, &news);
	index_folder_release(&folder);
}

/* With a first delivery the mailbox is followed. */
static void
begin_followed(void)
{
	begin(1000, NO_LOOK);
	learn("1.a");
	await("/new/1.a 19 \"one\"\n");
}

START_TEST(messages_that_move_and_change_are_followed)
{
	begin_followed();
	move("b/ann/new/1.a", "b/ann/cur/1.a:2,S");
	await("/cur/1.a:2,S 19 \"one\"\n");
	move("b/ann/cur/1.a:2,S", "b/ann/cur/1.a:2,RS");
	await("/cur/1.a:2,RS 19 \"one\"\n");
	/* As programs do that never rename. */
	ck_assert_int_eq(
	    linkat(root, "b/ann/cur/1.a:2,RS", root, "b/ann/cur/1.a:2,FRS", 0),
	    0);
	drop("b/ann/cur/1.a:2,RS");
	await("/cur/1.a:2,FRS 19 \"one\"\n");
	drop("b/ann/cur/1.a:2,FRS");
	await("");
	end();
}
END_TEST

START_TEST(what_others_deliver_is_followed)
{
	begin_followed();
	put("b/ann/new/2.b", "Subject: two\n\n");
	await("/new/1.a 19 \"one\"\n/new/2.b 14 \"two\"\n");
	/* In its place at once, and in pieces. */
	write_to("b/ann/new/3.c", "Subject: three\n\n");
	await("/new/1.a 19 \"one\"\n/new/2.b 14 \"two\"\n"
	      "/new/3.c 16 \"three\"\n");
	await_numbers(1, 3, 49);
	end();
}
END_TEST

#define OWN "1700000000.M000001P1Q1.b,S=19"

START_TEST(a_delivery_of_ours_that_comes_back_is_known_again)
{
	begin(1000, NO_LOOK);
	learn(OWN);
	await("/new/" OWN " 19 \"one\"\n");
	move("b/ann/new/" OWN, "b/x");
	await("");
	move("b/x", "b/ann/new/" OWN);
	await("/new/" OWN " 19 \"one\"\n");
	move("b/ann/new/" OWN, "b/ann/cur/" OWN ":2,S");
	await("/cur/" OWN ":2,S 19 \"one\"\n");
	move("b/ann/cur/" OWN ":2,S", "b/ann/new/" OWN);
	await("/new/" OWN " 19 \"one\"\n");
	await_numbers(1, 1, 19);
	end();
}
END_TEST

START_TEST(folders_that_come_and_go_are_followed)
{
	begin_followed();
	make_maildir("b/ann/.Lists");
	await_numbers(2, 1, 19);
	put("b/ann/.Lists/new/2.b", "Subject: two\n\n");
	await("/new/1.a 19 \"one\"\nLists/new/2.b 14 \"two\"\n");
	move("b/ann/.Lists", "b/ann/.Other");
	await("/new/1.a 19 \"one\"\nOther/new/2.b 14 \"two\"\n");
	await_numbers(2, 2, 33);
	move("b/ann/.Other/new/2.b", "b/ann/cur/2.b:2,");
	await("/new/1.a 19 \"one\"\n/cur/2.b:2, 14 \"two\"\n");
	for (const char *const *p = (const char *const[]){"b/ann/.Other/new",
		 "b/ann/.Other/cur", "b/ann/.Other/tmp", "b/ann/.Other", NULL};
	     *p != NULL; p++)
		ck_assert_int_eq(unlinkat(root, *p, AT_REMOVEDIR), 0);
	await_numbers(1, 2, 33);
	end();
}
END_TEST

START_TEST(a_folder_may_get_its_parts_late)
{
	begin_followed();
	make("b/ann/.Slow");
	make("b/ann/.Slow/cur");
	await_numbers(2, 1, 19);
	make("b/ann/.Slow/new");
	put("b/ann/.Slow/new/2.b", "Subject: two\n\n");
	await("/new/1.a 19 \"one\"\nSlow/new/2.b 14 \"two\"\n");
	drop("b/ann/.Slow/new/2.b");
	await("/new/1.a 19 \"one\"\n");
	end();
}
END_TEST

START_TEST(a_mailbox_that_is_moved_away_is_forgotten)
{
	begin_followed();
	move("b/ann", "b/.away");
	await_numbers(0, 0, 0);
	make_maildir("b/ann");
	learn("2.a");
	await("/new/2.a 19 \"one\"\n");
	drop("b/ann/new/2.a");
	await("");
	end();
}
END_TEST

/* As lmtpd has the directories of mailboxes open. */
START_TEST(a_mailbox_that_is_made_anew_is_followed_anew)
{
	static const char *const parts[] = {"b/ann", "b/ann/new"};
	int held[2];

	begin_followed();
	for (size_t i = 0; i < 2; i++)
		held[i] = openat(root, parts[i], O_RDONLY | O_CLOEXEC);
	drop("b/ann/new/1.a");
	await("");
	for (const char *const *p = (const char *const[]){"b/ann/new",
		 "b/ann/cur", "b/ann/tmp", NULL};
	     *p != NULL; p++)
		ck_assert_int_eq(unlinkat(root, *p, AT_REMOVEDIR), 0);
	await_numbers(0, 0, 0);
	ck_assert_int_eq(unlinkat(root, "b/ann", AT_REMOVEDIR), 0);
	make_maildir("b/ann");
	learn("2.a");
	await("/new/2.a 19 \"one\"\n");
	/* Nobody tells of that, so it is looked at every two seconds. */
	nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	learn("3.a");
	await("/new/2.a 19 \"one\"\n/new/3.a 19 \"one\"\n");
	drop("b/ann/new/2.a");
	await("/new/3.a 19 \"one\"\n");
	for (size_t i = 0; i < 2; i++)
		close(held[i]);
	end();
}
END_TEST

enum { MANY = 10000 };

/* By the writer itself, so that it can not read what it is told. */
static int
write_many(struct index *index, void *ctx, struct fault *f)
{
	char path[80];

	(void)index;
	(void)ctx;
	(void)f;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "b/ann/cur/%u.x:2,", i);
		write_to(path, "x");
	}
	return 0;
}

/* Each file is told twice, and 16384 is what the kernel keeps. */
START_TEST(more_than_the_kernel_keeps_is_found_by_looking)
{
	struct fault f;

	begin_followed();
	ck_assert_int_eq(index_run(index_, write_many, NULL, &f), 0);
	await_numbers(1, MANY + 1, MANY + 19);
	end();
}
END_TEST

enum { MOVED = 500 };

static void *
move_all(void *unused)
{
	char from[80], to[80];

	(void)unused;
	for (unsigned i = 0; i < MOVED; i++) {
		snprintf(from, sizeof from, "b/ann/new/%u.x", i);
		snprintf(to, sizeof to, "b/ann/cur/%u.x:2,S", i);
		move(from, to);
	}
	return NULL;
}

static int
compare(struct index *index, void *ctx, struct fault *f)
{
	uint64_t folders;

	return index_check(index, str(""), INDEX_COMPARE, ctx, &folders, f);
}

START_TEST(what_changes_while_it_is_compared_is_no_difference)
{
	struct index_difference d;
	pthread_t thread;
	struct fault f;
	char path[80];

	begin_followed();
	for (unsigned i = 0; i < MOVED; i++) {
		snprintf(path, sizeof path, "b/ann/new/%u.x", i);
		write_to(path, "x");
	}
	await_numbers(1, MOVED + 1, MOVED + 19);
	ck_assert_int_eq(pthread_create(&thread, NULL, move_all, NULL), 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(index_run(index_, compare, &d, &f), 0);
		ck_assert_uint_eq(d.messages, MOVED + 1);
		ck_assert_uint_eq(d.missing + d.stale + d.changed, 0);
	}
	pthread_join(thread, NULL);
	end();
}
END_TEST

START_TEST(mailboxes_that_are_not_watched_are_looked_at)
{
	begin(0, SOON);
	put("b/ann/new/1.a", text);
	await("/new/1.a 19 \"one\"\n");
	move("b/ann/new/1.a", "b/ann/cur/1.a:2,S");
	make_maildir("b/ann/.Lists");
	make_maildir("b/bob");
	put("b/bob/cur/2.b:2,", "Subject: two\n\n");
	await("/cur/1.a:2,S 19 \"one\"\n/cur/2.b:2, 14 \"two\"\n");
	await_numbers(3, 2, 33);
	move("b/bob", "b/.bob");
	await_numbers(2, 1, 19);
	end();
}
END_TEST

START_TEST(what_others_deliver_beside_us_is_not_hidden_by_us)
{
	begin(0, SOON);
	learn("1.a");
	put("b/ann/new/2.b", "Subject: two\n\n");
	learn("3.a");
	await("/new/1.a 19 \"one\"\n/new/2.b 14 \"two\"\n"
	      "/new/3.a 19 \"one\"\n");
	end();
}
END_TEST

START_TEST(only_so_many_directories_are_watched)
{
	/* The inbox needs three. */
	begin(3, SOON);
	make_maildir("b/bob");
	learn("1.a");
	put("b/bob/new/2.b", "Subject: two\n\n");
	await("/new/1.a 19 \"one\"\n/new/2.b 14 \"two\"\n");
	move("b/ann/new/1.a", "b/ann/cur/1.a:2,S");
	drop("b/bob/new/2.b");
	await("/cur/1.a:2,S 19 \"one\"\n");
	/* Now there are too few for any folder of it. */
	make_maildir("b/ann/.Lists");
	put("b/ann/.Lists/cur/3.c:2,", "Subject: three\n\n");
	move("b/ann/cur/1.a:2,S", "b/ann/cur/1.a:2,FS");
	await("/cur/1.a:2,FS 19 \"one\"\nLists/cur/3.c:2, 16 \"three\"\n");
	end();
}
END_TEST

START_TEST(what_was_followed_is_known_at_the_next_start)
{
	struct seen s;

	begin_followed();
	move("b/ann/new/1.a", "b/ann/cur/1.a:2,S");
	put("b/ann/new/2.b", "Subject: two\n\n");
	await("/cur/1.a:2,S 19 \"one\"\n/new/2.b 14 \"two\"\n");
	index_close(&index_);
	/* Nothing is looked at now, so nothing but the records can tell. */
	index_ = index_open(index_dir, 1 << 20, root, &(struct fault){0});
	ck_assert_ptr_nonnull(index_);
	ck_assert_int_eq(index_start(index_, &(struct fault){0}), 0);
	s = look();
	ck_assert_str_eq(
	    s.text, "/cur/1.a:2,S 19 \"one\"\n/new/2.b 14 \"two\"\n");
	end();
}
END_TEST

START_TEST(what_has_changed_while_nothing_ran_is_found)
{
	begin_followed();
	index_close(&index_);
	move("b/ann/new/1.a", "b/ann/cur/1.a:2,S");
	open_index(1000, NO_LOOK);
	await("/cur/1.a:2,S 19 \"one\"\n");
	/* And is followed: somebody is at work there. */
	move("b/ann/cur/1.a:2,S", "b/ann/cur/1.a:2,RS");
	await("/cur/1.a:2,RS 19 \"one\"\n");
	end();
}
END_TEST

UNIT_MAIN("follow", messages_that_move_and_change_are_followed,
    what_others_deliver_is_followed,
    a_delivery_of_ours_that_comes_back_is_known_again,
    folders_that_come_and_go_are_followed, a_folder_may_get_its_parts_late,
    a_mailbox_that_is_moved_away_is_forgotten,
    a_mailbox_that_is_made_anew_is_followed_anew,
    more_than_the_kernel_keeps_is_found_by_looking,
    what_changes_while_it_is_compared_is_no_difference,
    mailboxes_that_are_not_watched_are_looked_at,
    what_others_deliver_beside_us_is_not_hidden_by_us,
    only_so_many_directories_are_watched,
    what_was_followed_is_known_at_the_next_start,
    what_has_changed_while_nothing_ran_is_found)
