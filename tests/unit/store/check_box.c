/* SPDX-License-Identifier: ISC */
/* store/box.h: what is open is what is on disk, and not too much of it. */
#include "config.h"

#include "store/box.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/hold.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static int root;
static struct boxes *boxes;
static struct mailbox_name ann;
static struct mailbox_folder inbox, lists;

static void
begin(size_t idle)
{
	place_make(dir, "box");
	root = place_open(dir);
	ann = mailbox_named("ann@b");
	inbox = folder_named("");
	lists = folder_named("Lists");
	boxes = boxes_new(root, NULL, idle);
}

static void
end(void)
{
	boxes_free(&boxes);
	close(root);
	place_remove(dir);
}

static struct box *
get(const struct mailbox_folder *folder)
{
	struct fault f = {.text = ""};
	struct box *box = boxes_get(boxes, &ann, folder, &f);

	ck_assert_msg(box != NULL, "%s", f.text);
	return box;
}

START_TEST(an_inbox_is_made_and_then_the_same_for_all)
{
	struct box *one, *two, *three;

	begin(4);
	one = get(&inbox);
	two = get(&inbox);
	ck_assert_ptr_eq(one, two);
	three = boxes_hold(boxes, one);
	boxes_put(boxes, &one);
	ck_assert_ptr_null(one);
	boxes_put(boxes, &two);
	boxes_put(boxes, &three);
	boxes_put(boxes, &three);
	ck_assert_int_eq(faccessat(root, "b/ann/new", F_OK, 0), 0);
	end();
}
END_TEST

START_TEST(a_folder_is_never_made)
{
	struct box *box;
	struct fault f = {0};

	begin(4);
	ck_assert_ptr_null(boxes_get(boxes, &ann, &lists, &f));
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	box = get(&inbox);
	boxes_put(boxes, &box);
	ck_assert_int_eq(mkdirat(root, "b/ann/.Lists", 0700), 0);
	box = get(&lists);
	boxes_put(boxes, &box);
	/* But what it lacks is. */
	ck_assert_int_eq(faccessat(root, "b/ann/.Lists/new", F_OK, 0), 0);
	end();
}
END_TEST

static unsigned
count_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

START_TEST(only_so_many_stay_open)
{
	struct mailbox_name name;
	unsigned before;
	struct fault f;

	begin(3);
	before = count_open();
	for (unsigned i = 0; i < 20; i++) {
		char text[16];
		struct box *box;

		snprintf(text, sizeof text, "u%u@b", i);
		name = mailbox_named(text);
		box = boxes_get(boxes, &name, &inbox, &f);
		ck_assert_ptr_nonnull(box);
		boxes_put(boxes, &box);
	}
	ck_assert_uint_eq(count_open(), before + 2 * 3);
	boxes_free(&boxes);
	ck_assert_uint_eq(count_open(), before);
	end();
}
END_TEST

START_TEST(what_was_forgotten_is_opened_anew)
{
	struct box *old, *box;

	begin(4);
	old = get(&inbox);
	boxes_forget(boxes, old);
	boxes_forget(boxes, old);
	box = get(&inbox);
	ck_assert_ptr_ne(box, old);
	boxes_put(boxes, &old);
	boxes_put(boxes, &box);
	end();
}
END_TEST

/* Until boxes_get() gives another box than before. */
static void
wait_for_another(ino_t before)
{
	int64_t deadline = clock_ms() + 20000;
	bool same = true;

	while (same) {
		struct box *box = get(&inbox);

		same = box->ino == before;
		boxes_put(boxes, &box);
		ck_assert_int_lt(clock_ms(), deadline);
		if (same)
			poll(NULL, 0, 20);
	}
}

START_TEST(a_directory_that_was_replaced_is_noticed)
{
	static const char *const moves[][2] = {
	    {"b/ann", "b/old"}, {"b/ann/new", "b/ann/old"}};

	for (size_t i = 0; i < 2; i++) {
		struct box *box;
		ino_t before;

		begin(4);
		box = get(&inbox);
		before = box->ino;
		boxes_put(boxes, &box);
		ck_assert_int_eq(
		    renameat(root, moves[i][0], root, moves[i][1]), 0);
		wait_for_another(before);
		end();
	}
}
END_TEST

START_TEST(a_hold_is_known_at_once)
{
	const struct hold hold = {.who = "root"};
	struct box *box;
	struct fault f;

	begin(4);
	box = get(&inbox);
	ck_assert(!atomic_load(&box->is_held));
	boxes_set_held(boxes, &ann, true);
	ck_assert(atomic_load(&box->is_held));
	boxes_set_held(boxes, &ann, false);
	ck_assert(!atomic_load(&box->is_held));
	/* And one that was switched on before is found. */
	ck_assert_int_eq(hold_set(root, &ann, &hold, &f), 0);
	boxes_forget(boxes, box);
	boxes_put(boxes, &box);
	box = get(&inbox);
	ck_assert(atomic_load(&box->is_held));
	boxes_put(boxes, &box);
	end();
}
END_TEST

static void *
give_back_later(void *ctx)
{
	struct box *box = ctx;

	poll(NULL, 0, 50);
	boxes_put(boxes, &box);
	return NULL;
}

START_TEST(a_mailbox_settles_when_the_last_delivery_has_ended)
{
	struct box *one, *two;
	struct mailbox_name bob;
	struct fault f;
	pthread_t thread;

	begin(4);
	ck_assert_int_eq(boxes_settle(boxes, &ann, 0, &f), 0);
	one = get(&inbox);
	two = get(&inbox);
	bob = mailbox_named("bob@b");
	ck_assert_int_eq(boxes_settle(boxes, &bob, 0, &f), 0);
	ck_assert_int_eq(boxes_settle(boxes, &ann, 0, &f), -1);
	ck_assert_str_eq(f.dsn, "4.2.0");
	boxes_put(boxes, &one);
	ck_assert_int_eq(boxes_settle(boxes, &ann, 0, &f), -1);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, give_back_later, two), 0);
	ck_assert_int_eq(boxes_settle(boxes, &ann, 60000, &f), 0);
	pthread_join(thread, NULL);
	end();
}
END_TEST

UNIT_MAIN("box", an_inbox_is_made_and_then_the_same_for_all,
    a_folder_is_never_made, only_so_many_stay_open,
    what_was_forgotten_is_opened_anew, a_directory_that_was_replaced_is_noticed,
    a_hold_is_known_at_once, a_mailbox_settles_when_the_last_delivery_has_ended)
