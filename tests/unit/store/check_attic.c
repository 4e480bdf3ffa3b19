/* SPDX-License-Identifier: ISC */
/* store/attic.h: messages that are taken out of a mailbox, and come back. */
#include "config.h"

#include "store/attic.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/maildirsize.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

#define NAME "1700000000.M1P2Q3Iabc.mx,S=5,W=6"

static const struct attic_batch batch = {1700000100, "expire"};

static char dir[PLACE_SIZE];
static int root;
static struct mailbox_name ann;
static struct mailbox_folder inbox, trash;
static struct fault f;

static void
make(const char *folder)
{
	static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
	char path[300];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/example.org/ann/%s%s", dir,
		    folder, parts[i]);
		(void)mkdir(path, 0700);
	}
}

static void
begin(void)
{
	char path[100];

	place_make(dir, "attic");
	root = place_open(dir);
	ann = mailbox_named("ann@example.org");
	trash = folder_named("Trash");
	memset(&inbox, 0, sizeof inbox);
	snprintf(path, sizeof path, "%s/example.org", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	make("");
	make(".Trash");
}

static void
end(void)
{
	close(root);
	place_remove(dir);
}

static void
put(const char *path)
{
	int at = openat(root, "example.org/ann", O_RDONLY | O_DIRECTORY);

	place_put(at, path, "hallo");
	close(at);
}

static struct attic *
open_attic(void)
{
	struct attic *a = attic_open(root, &ann, ATTIC_REMOVED, "mx", &f);

	ck_assert_msg(a != NULL, "%s", f.text);
	return a;
}

static void
close_attic(struct attic *a)
{
	ck_assert_int_eq(attic_close(&a, &f), 0);
}

/* How many files a directory of the mailbox has; the first one's name. */
static size_t
count(const char *part, char *name)
{
	char path[300];

	snprintf(path, sizeof path, "%s/example.org/ann/%s", dir, part);
	return place_list(path, name, MAILDIR_NAME_SIZE);
}

struct seen {
	size_t n;
	struct attic_entry last;
	char file[MAILDIR_NAME_SIZE];
};

static int
see(void *ctx, const struct attic_entry *entry, struct fault *fault)
{
	struct seen *s = ctx;

	(void)fault;
	s->n++;
	s->last = *entry;
	ck_assert(str_copy(entry->file, s->file, sizeof s->file));
	s->last.file = str(s->file);
	return 0;
}

static size_t
look(struct seen *s)
{
	struct attic *a = open_attic();

	memset(s, 0, sizeof *s);
	ck_assert_int_eq(attic_each(a, see, s, &f), 0);
	close_attic(a);
	return s->n;
}

START_TEST(what_is_put_there_is_listed_with_all_that_is_known)
{
	struct attic *a;
	struct seen s;

	begin();
	put(".Trash/cur/" NAME ":2,RS");
	a = open_attic();
	ck_assert_int_eq(
	    attic_put(a, &batch, &trash, STR_LIT(NAME ":2,RS"), &f), 1);
	close_attic(a);
	ck_assert_uint_eq(count(".Trash/cur", NULL), 0);
	ck_assert_uint_eq(look(&s), 1);
	ck_assert_int_eq(s.last.batch.time, batch.time);
	ck_assert_str_eq(s.last.batch.word, "expire");
	ck_assert_str_eq(s.last.folder.text, "Trash");
	ck_assert_str_eq(s.last.folder.dir, ".Trash");
	ck_assert_str_eq(s.file, NAME ":2,RS");
	ck_assert_uint_eq(s.last.size, 5);
	end();
}
END_TEST

START_TEST(a_message_that_an_imap_server_has_touched_meanwhile_is_found)
{
	struct attic *a;
	struct seen s;

	begin();
	put("cur/" NAME ":2,FS");
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &batch, &inbox, STR_LIT(NAME), &f), 1);
	close_attic(a);
	ck_assert_uint_eq(look(&s), 1);
	ck_assert_str_eq(s.file, NAME ":2,FS");
	ck_assert_str_eq(s.last.folder.dir, "");
	end();
}
END_TEST

START_TEST(a_message_that_has_gone_is_no_fault)
{
	struct mailbox_folder none;
	struct attic *a;
	struct seen s;

	begin();
	none = folder_named("None");
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &batch, &inbox, STR_LIT(NAME), &f), 0);
	ck_assert_int_eq(attic_put(a, &batch, &none, STR_LIT(NAME), &f), 0);
	close_attic(a);
	ck_assert_uint_eq(look(&s), 0);
	end();
}
END_TEST

START_TEST(a_name_that_leads_elsewhere_is_refused)
{
	struct attic *a;

	begin();
	a = open_attic();
	ck_assert_int_eq(
	    attic_put(a, &batch, &inbox, STR_LIT("x/../../y"), &f), -1);
	ck_assert_int_eq(attic_put(a, &batch, &inbox, STR_LIT(".x"), &f), -1);
	close_attic(a);
	end();
}
END_TEST

START_TEST(what_comes_back_keeps_flags_and_gets_a_name_never_used)
{
	char name[MAILDIR_NAME_SIZE];
	struct maildir_name parsed;
	struct attic *a;
	struct seen s;

	begin();
	put(".Trash/cur/" NAME ":2,RS");
	a = open_attic();
	ck_assert_int_eq(
	    attic_put(a, &batch, &trash, STR_LIT(NAME ":2,RS"), &f), 1);
	close_attic(a);
	ck_assert_uint_eq(look(&s), 1);
	a = open_attic();
	ck_assert_int_eq(attic_bring_back(a, &s.last, &f), 1);
	ck_assert_int_eq(attic_bring_back(a, &s.last, &f), 0);
	close_attic(a);
	ck_assert_uint_eq(count(".Trash/cur", name), 1);
	ck_assert_str_ne(name, NAME ":2,RS");
	ck_assert(maildir_name_parse(str(name), &parsed));
	ck_assert_view_eq(parsed.flags, "RS");
	ck_assert_uint_eq(parsed.size, 5);
	ck_assert_uint_eq(parsed.wire_size, 6);
	ck_assert_uint_eq(look(&s), 0);
	ck_assert_uint_eq(count("posthouse/removed", NULL), 0);
	end();
}
END_TEST

START_TEST(what_is_there_does_not_count_for_the_quota)
{
	const struct maildirsize_limits limits = {.bytes = 1000};
	struct maildirsize size;
	struct attic *a;
	struct seen s;
	int box;

	begin();
	box = openat(root, "example.org/ann", O_RDONLY | O_DIRECTORY);
	put("new/1.a.h");
	put("cur/2.b.h,S=5:2,S");
	ck_assert_int_eq(maildirsize_recount(box, &limits, &size, &f), 0);
	ck_assert_uint_eq(size.bytes, 10);
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &batch, &inbox, STR_LIT("1.a.h"), &f), 1);
	close_attic(a);
	ck_assert_int_eq(maildirsize_read(box, &size, &f), 1);
	ck_assert_uint_eq(size.bytes, 5);
	ck_assert_uint_eq(size.messages, 1);
	ck_assert_uint_eq(look(&s), 1);
	a = open_attic();
	ck_assert_int_eq(attic_bring_back(a, &s.last, &f), 1);
	close_attic(a);
	ck_assert_int_eq(maildirsize_read(box, &size, &f), 1);
	ck_assert_uint_eq(size.bytes, 10);
	ck_assert_uint_eq(size.messages, 2);
	close(box);
	end();
}
END_TEST

START_TEST(what_was_never_seen_comes_back_as_new)
{
	struct attic *a;
	struct seen s;

	begin();
	put("new/" NAME);
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &batch, &inbox, STR_LIT(NAME), &f), 1);
	close_attic(a);
	ck_assert_uint_eq(look(&s), 1);
	a = open_attic();
	ck_assert_int_eq(attic_bring_back(a, &s.last, &f), 1);
	close_attic(a);
	ck_assert_uint_eq(count("new", NULL), 1);
	end();
}
END_TEST

START_TEST(a_size_that_is_not_known_is_not_made_up)
{
	char name[MAILDIR_NAME_SIZE];
	struct maildir_name parsed;
	struct attic *a;
	struct seen s;

	begin();
	put("cur/1700000000.1_1.other:2,S");
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &batch, &inbox,
			     STR_LIT("1700000000.1_1.other:2,S"), &f),
	    1);
	close_attic(a);
	ck_assert_uint_eq(look(&s), 1);
	a = open_attic();
	ck_assert_int_eq(attic_bring_back(a, &s.last, &f), 1);
	close_attic(a);
	ck_assert_uint_eq(count("cur", name), 1);
	ck_assert(maildir_name_parse(str(name), &parsed));
	ck_assert_uint_eq(parsed.size, 5);
	ck_assert_uint_eq(parsed.wire_size, 0);
	end();
}
END_TEST

START_TEST(a_folder_that_is_gone_is_made_again)
{
	struct attic *a;
	struct seen s;
	char path[200];

	begin();
	put(".Trash/new/" NAME);
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &batch, &trash, STR_LIT(NAME), &f), 1);
	close_attic(a);
	snprintf(path, sizeof path, "%s/example.org/ann/.Trash", dir);
	place_remove(path);
	ck_assert_uint_eq(look(&s), 1);
	a = open_attic();
	ck_assert_int_eq(attic_bring_back(a, &s.last, &f), 1);
	close_attic(a);
	ck_assert_uint_eq(count(".Trash/new", NULL), 1);
	ck_assert_uint_eq(count(".Trash/cur", NULL), 0);
	ck_assert_uint_eq(count(".Trash", NULL), 4);
	end();
}
END_TEST

START_TEST(one_name_that_comes_twice_is_kept_twice)
{
	struct attic *a;
	struct seen s;

	begin();
	a = open_attic();
	for (size_t i = 0; i < 3; i++) {
		put("new/" NAME);
		ck_assert_int_eq(
		    attic_put(a, &batch, &inbox, STR_LIT(NAME), &f), 1);
	}
	close_attic(a);
	ck_assert_uint_eq(look(&s), 3);
	end();
}
END_TEST

START_TEST(only_what_is_old_goes_for_good)
{
	const struct attic_batch old = {1700000000, "delete"};
	struct attic_sum sum;
	struct attic *a;
	struct seen s;

	begin();
	put("new/" NAME);
	put("new/1700000001.M1P2Q3.mx,S=5");
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &old, &inbox, STR_LIT(NAME), &f), 1);
	ck_assert_int_eq(attic_put(a, &batch, &inbox,
			     STR_LIT("1700000001.M1P2Q3.mx,S=5"), &f),
	    1);
	ck_assert_int_eq(attic_purge(a, old.time, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 0);
	ck_assert_int_eq(attic_purge(a, batch.time, true, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 1);
	ck_assert_uint_eq(sum.bytes, 5);
	ck_assert_uint_eq(count("posthouse/removed", NULL), 2);
	ck_assert_int_eq(attic_purge(a, batch.time, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 1);
	close_attic(a);
	ck_assert_uint_eq(count("posthouse/removed", NULL), 1);
	ck_assert_uint_eq(look(&s), 1);
	ck_assert_str_eq(s.last.batch.word, "expire");
	end();
}
END_TEST

START_TEST(one_message_can_be_ended)
{
	struct attic *a;
	struct seen s;

	begin();
	put("new/" NAME);
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &batch, &inbox, STR_LIT(NAME), &f), 1);
	close_attic(a);
	ck_assert_uint_eq(look(&s), 1);
	a = open_attic();
	ck_assert_int_eq(attic_end(a, &s.last, &f), 1);
	ck_assert_int_eq(attic_end(a, &s.last, &f), 0);
	close_attic(a);
	ck_assert_uint_eq(look(&s), 0);
	ck_assert_uint_eq(count("posthouse/removed", NULL), 0);
	end();
}
END_TEST

START_TEST(messages_come_in_the_order_of_their_names)
{
	struct attic *a;
	struct seen s;

	begin();
	a = open_attic();
	for (int i = 0; i < 30; i++) {
		char path[100];

		snprintf(path, sizeof path, "new/17000000%02d.M1P2Q3.mx,S=5",
		    i * 7 % 30);
		put(path);
		ck_assert_int_eq(
		    attic_put(a, &batch, &inbox, str(path + 4), &f), 1);
	}
	close_attic(a);
	ck_assert_uint_eq(look(&s), 30);
	ck_assert_str_eq(s.file, "1700000029.M1P2Q3.mx,S=5");
	end();
}
END_TEST

START_TEST(the_two_rooms_are_apart)
{
	struct attic_sum sum;
	struct attic *a;
	struct seen s;

	begin();
	put("new/" NAME);
	a = attic_open(root, &ann, ATTIC_RECALLED, "mx", &f);
	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(attic_put(a, &batch, &inbox, STR_LIT(NAME), &f), 1);
	close_attic(a);
	ck_assert_uint_eq(look(&s), 0);
	a = open_attic();
	ck_assert_int_eq(attic_purge(a, INT64_MAX, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 0);
	close_attic(a);
	ck_assert_uint_eq(count("posthouse/recalled", NULL), 1);
	end();
}
END_TEST

START_TEST(what_is_no_batch_is_left_alone)
{
	struct attic_sum sum;
	struct attic *a;
	struct seen s;
	char path[200];

	begin();
	put("new/" NAME);
	a = open_attic();
	ck_assert_int_eq(attic_put(a, &batch, &inbox, STR_LIT(NAME), &f), 1);
	close_attic(a);
	put("posthouse/removed/notes");
	put("posthouse/removed/1,UPPER");
	snprintf(
	    path, sizeof path, "%s/example.org/ann/posthouse/removed/9,x", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	put("posthouse/removed/9,x/INBOX");
	ck_assert_uint_eq(look(&s), 1);
	a = open_attic();
	ck_assert_int_eq(attic_purge(a, INT64_MAX, false, &sum, &f), 0);
	close_attic(a);
	ck_assert_uint_eq(sum.messages, 1);
	ck_assert_uint_eq(count("posthouse/removed", NULL), 3);
	end();
}
END_TEST

START_TEST(there_is_no_attic_without_a_mailbox)
{
	struct mailbox_name bob;

	begin();
	bob = mailbox_named("bob@example.org");
	ck_assert_ptr_null(attic_open(root, &bob, ATTIC_REMOVED, "mx", &f));
	ck_assert_str_eq(f.dsn, "5.1.1");
	end();
}
END_TEST

/* Moves all up and down again until it is killed. */
static void
move_for_ever(void)
{
	for (;;) {
		struct attic *a = open_attic();
		char name[MAILDIR_NAME_SIZE];

		while (count("cur", name) > 0)
			(void)!attic_put(a, &batch, &inbox, str(name), &f);
		(void)!attic_close(&a, &f);
		for (;;) {
			struct seen s;

			if (look(&s) == 0)
				break;
			a = open_attic();
			(void)!attic_bring_back(a, &s.last, &f);
			(void)!attic_close(&a, &f);
		}
	}
}

START_TEST(whoever_is_killed_leaves_each_message_in_one_place)
{
	begin();
	for (int i = 0; i < 5; i++) {
		char path[100];

		snprintf(
		    path, sizeof path, "cur/17000000%02d.M1P2Q3.mx,S=5:2,S", i);
		put(path);
	}
	for (int round = 0; round < 20; round++) {
		struct timespec some = {.tv_nsec = 1000000 * (1 + round % 7)};
		pid_t child = fork();
		struct seen s;

		ck_assert_int_ge(child, 0);
		if (child == 0)
			move_for_ever();
		nanosleep(&some, NULL);
		kill(child, SIGKILL);
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
		ck_assert_uint_eq(count("cur", NULL) + look(&s), 5);
	}
	end();
}
END_TEST

UNIT_MAIN("attic", what_is_put_there_is_listed_with_all_that_is_known,
    a_message_that_an_imap_server_has_touched_meanwhile_is_found,
    a_message_that_has_gone_is_no_fault, a_name_that_leads_elsewhere_is_refused,
    what_comes_back_keeps_flags_and_gets_a_name_never_used,
    what_is_there_does_not_count_for_the_quota,
    what_was_never_seen_comes_back_as_new,
    a_size_that_is_not_known_is_not_made_up,
    a_folder_that_is_gone_is_made_again,
    one_name_that_comes_twice_is_kept_twice, only_what_is_old_goes_for_good,
    one_message_can_be_ended, messages_come_in_the_order_of_their_names,
    the_two_rooms_are_apart, what_is_no_batch_is_left_alone,
    there_is_no_attic_without_a_mailbox,
    whoever_is_killed_leaves_each_message_in_one_place)
