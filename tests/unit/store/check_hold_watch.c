/* SPDX-License-Identifier: ISC */
/* store/hold_watch.h: what others put into a held mailbox is linked. */
#include "config.h"

#include "store/hold_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/hold.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

#define ONE "1700000000.M1P2Q3.mx,S=5,W=6"
#define TWO "1700000001.M1P2Q4.mx,S=5,W=6"

static char dir[PLACE_SIZE];
static int box;
static struct client *client;
static struct hold_watch *watch;
static struct mailbox_name ann;
static struct fault f;

static void
hold(void)
{
	const struct hold h = {.since = 1, .who = "root"};

	ck_assert_int_eq(hold_set(client->root, &ann, &h, &f), 0);
	hold_watch_look(watch, &ann);
	(void)hold_watch_work(watch);
}

static void
begin(void)
{
	place_make(dir, "hold_watch");
	client = client_new(dir, "mx", &f);
	ck_assert_ptr_nonnull(client);
	ann = mailbox_named("ann@example.org");
	ck_assert_int_eq(maildir_make(client->root, &ann, &f), 0);
	box = openat(client->root, ann.path, O_RDONLY | O_DIRECTORY);
	watch = hold_watch_new(client, dir);
	ck_assert_int_ge(hold_watch_fd(watch), 0);
}

static void
end(void)
{
	hold_watch_free(&watch);
	ck_assert_ptr_null(watch);
	close(box);
	client_free(&client);
	place_remove(dir);
}

static void
put(const char *path)
{
	place_put(box, path, "hallo");
}

static bool
is_there(const char *path)
{
	return place_has(box, path);
}

/* Works, as the keeper does, until the file is there. */
static void
work_until(const char *path)
{
	int64_t deadline = clock_ms() + 30000;

	for (;;) {
		int64_t next = hold_watch_work(watch), wait;
		struct pollfd p = {
		    .fd = hold_watch_fd(watch), .events = POLLIN};

		if (is_there(path))
			return;
		ck_assert_msg(clock_ms() < deadline, "no %s", path);
		wait = next - clock_ms();
		if (wait > 1000)
			wait = 1000;
		(void)poll(&p, 1, wait > 0 ? (int)wait : 0);
	}
}

START_TEST(what_is_there_when_the_hold_begins_is_linked)
{
	begin();
	put("cur/" ONE ":2,S");
	hold();
	ck_assert(is_there("posthouse/held/cur/" ONE ":2,"));
	end();
}
END_TEST

START_TEST(what_comes_is_linked_at_once)
{
	begin();
	hold();
	put("tmp/" ONE);
	ck_assert_int_eq(renameat(box, "tmp/" ONE, box, "cur/" ONE ":2,S"), 0);
	(void)hold_watch_work(watch);
	ck_assert(is_there("posthouse/held/cur/" ONE ":2,"));
	ck_assert_int_eq(unlinkat(box, "cur/" ONE ":2,S", 0), 0);
	(void)hold_watch_work(watch);
	ck_assert(is_there("posthouse/held/cur/" ONE ":2,"));
	end();
}
END_TEST

START_TEST(a_folder_that_is_made_is_watched_too)
{
	struct mailbox_folder sent;

	begin();
	hold();
	sent = folder_named("Sent");
	ck_assert_int_eq(maildir_make_folder(box, &sent, &f), 0);
	put(".Sent/new/" ONE);
	work_until("posthouse/held/.Sent/cur/" ONE ":2,");
	put(".Sent/new/" TWO);
	work_until("posthouse/held/.Sent/cur/" TWO ":2,");
	end();
}
END_TEST

START_TEST(a_file_with_two_names_is_found_among_all)
{
	begin();
	put("tmp/" ONE);
	hold();
	ck_assert_int_eq(linkat(box, "tmp/" ONE, box, "new/" TWO, 0), 0);
	work_until("posthouse/held/cur/" TWO ":2,");
	end();
}
END_TEST

START_TEST(a_mailbox_without_a_hold_is_left_alone)
{
	begin();
	hold_watch_look(watch, &ann);
	put("new/" ONE);
	ck_assert_int_eq(hold_watch_work(watch), INT64_MAX);
	ck_assert(!is_there("posthouse"));
	hold();
	ck_assert_int_lt(hold_watch_work(watch), INT64_MAX);
	ck_assert_int_eq(hold_end(client->root, &ann, 1, &f), 0);
	hold_watch_look(watch, &ann);
	put("new/" TWO);
	ck_assert_int_eq(hold_watch_work(watch), INT64_MAX);
	ck_assert(!is_there("posthouse/held"));
	end();
}
END_TEST

UNIT_MAIN("hold_watch", what_is_there_when_the_hold_begins_is_linked,
    what_comes_is_linked_at_once, a_folder_that_is_made_is_watched_too,
    a_file_with_two_names_is_found_among_all,
    a_mailbox_without_a_hold_is_left_alone)
