/* SPDX-License-Identifier: ISC */
/* store/keeper.h: the daily round, its hour, and holds that are watched. */
#include "config.h"

#include "store/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/hold.h"
#include "store/maildir.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

#define ONE "1700000000.M1P2Q3.mx,S=5,W=6"

static const char *const rules[] = {"Trash 1s"};

static char dir[PLACE_SIZE];
static int root;
static struct keeper *keeper;
static struct fault f;

static void
begin(void)
{
	place_make(dir, "keeper");
	root = place_open(dir);
}

static void
end(void)
{
	keeper_free(&keeper);
	ck_assert_ptr_null(keeper);
	close(root);
	place_remove(dir);
}

static void
start(void)
{
	/* The hour is six hours off, whenever this runs. */
	time_t later = time(NULL) + 6 * 3600;
	struct tm tm;
	struct keeper_conf conf = {
	    .expire = rules, .n_expire = 1, .keep = 86400};

	localtime_r(&later, &tm);
	conf.at = tm.tm_hour * 60 + tm.tm_min;
	keeper = keeper_new(&conf, dir, "mx", &f);
	ck_assert_msg(keeper != NULL, "%s", f.text);
}

static struct mailbox_name
make(const char *name)
{
	struct mailbox_folder trash;
	struct mailbox_name mailbox;
	int box;

	mailbox = mailbox_named(name);
	trash = folder_named("Trash");
	ck_assert_int_eq(maildir_make(root, &mailbox, &f), 0);
	box = openat(root, mailbox.path, O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(maildir_make_folder(box, &trash, &f), 0);
	place_put(box, ".Trash/cur/" ONE ":2,S", "hallo");
	close(box);
	return mailbox;
}

static bool
has_trash(const char *path)
{
	char file[200];

	snprintf(file, sizeof file, "%s/.Trash/cur/" ONE ":2,S", path);
	return faccessat(root, file, F_OK, 0) == 0;
}

static void
write_state(const char *text)
{
	(void)mkdirat(root, ".posthouse", 0700);
	place_write(root, ".posthouse/round", text);
}

/* Until the state's text has the word. */
static void
wait_for_state(const char *word)
{
	int64_t deadline = clock_ms() + 30000;
	char text[4096];

	for (;;) {
		int fd = openat(root, ".posthouse/round", O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

		if (fd >= 0)
			close(fd);
		text[n > 0 ? n : 0] = '\0';
		if (strstr(text, word) != NULL)
			return;
		ck_assert_msg(clock_ms() < deadline, "no %s: %s", word, text);
		poll(NULL, 0, 10);
	}
}

/* What was put somewhere is older than the rule says. */
static void
grow_old(void)
{
	int64_t from = (int64_t)time(NULL);

	while ((int64_t)time(NULL) < from + 3)
		poll(NULL, 0, 50);
}

START_TEST(an_hour_is_read_or_refused)
{
	static const char *const bad[] = {"", "3", "24:00", "03:60", "3:5",
	    "03:30:00", "a:00", "003:00", "-1:00"};
	int at;

	ck_assert(keeper_parse_at(STR_LIT("03:30"), &at));
	ck_assert_int_eq(at, 210);
	ck_assert(keeper_parse_at(STR_LIT("0:00"), &at));
	ck_assert_int_eq(at, 0);
	ck_assert(keeper_parse_at(STR_LIT("23:59"), &at));
	ck_assert_int_eq(at, 1439);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!keeper_parse_at(str(bad[i]), &at), "%s", bad[i]);
}
END_TEST

START_TEST(the_next_round_is_at_its_hour)
{
	ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
	tzset();
	/* 2026-11-29 00:00:00 UTC. */
	ck_assert_int_eq(keeper_next(1795910400, 210), 1795910400 + 12600);
	ck_assert_int_eq(
	    keeper_next(1795910400 + 12599, 210), 1795910400 + 12600);
	ck_assert_int_eq(
	    keeper_next(1795910400 + 12600, 210), 1795910400 + 12600 + 86400);
	/* Where clocks are put forward that night, a day has 23 hours. */
	ck_assert_int_eq(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	/* 2026-03-28 12:00 CET, and 2026-03-29 12:00 CEST. */
	ck_assert_int_eq(keeper_next(1774695600, 720), 1774695600 + 23 * 3600);
}
END_TEST

START_TEST(the_first_round_waits_for_its_hour)
{
	begin();
	make("ann@a");
	grow_old();
	start();
	wait_for_state("\"ended\":true");
	keeper_free(&keeper);
	ck_assert(has_trash("a/ann"));
	end();
}
END_TEST

START_TEST(a_round_that_was_missed_is_made_up_for)
{
	begin();
	make("ann@a");
	make("bob@b");
	grow_old();
	write_state("{\"began\": 1700000000, \"ended\": true}");
	start();
	wait_for_state("\"after\":\"bob@b\"");
	wait_for_state("\"ended\":true");
	ck_assert(!has_trash("a/ann"));
	ck_assert(!has_trash("b/bob"));
	end();
}
END_TEST

START_TEST(a_round_that_was_broken_off_goes_on_where_it_was)
{
	char state[200];

	begin();
	make("ann@a");
	make("bob@a");
	make("ann@a.b");
	grow_old();
	snprintf(state, sizeof state,
	    "{\"began\": %lld, \"ended\": false, \"after\": \"ann@a\"}",
	    (long long)time(NULL));
	write_state(state);
	start();
	wait_for_state("\"ended\":true");
	/* A day has one round. */
	ck_assert(has_trash("a/ann"));
	ck_assert(!has_trash("a/bob"));
	ck_assert(!has_trash("a.b/ann"));
	end();
}
END_TEST

START_TEST(a_state_that_says_nothing_is_made_anew)
{
	begin();
	write_state("{\"began\": ");
	start();
	wait_for_state("\"ended\":true");
	end();
}
END_TEST

static void
wait_for_held(const char *path)
{
	int64_t deadline = clock_ms() + 30000;

	while (faccessat(root, path, F_OK, 0) < 0) {
		ck_assert_msg(clock_ms() < deadline, "no %s", path);
		poll(NULL, 0, 10);
	}
}

START_TEST(holds_are_watched_from_the_start_and_when_they_begin)
{
	const struct hold hold = {.who = "root"};
	struct mailbox_name ann, bob;

	begin();
	ann = make("ann@a");
	bob = make("bob@a");
	ck_assert_int_eq(hold_set(root, &ann, &hold, &f), 0);
	start();
	wait_for_held("a/ann/posthouse/held/.Trash/cur/" ONE ":2,");
	ck_assert_int_eq(hold_set(root, &bob, &hold, &f), 0);
	keeper_look(keeper, &bob);
	wait_for_held("a/bob/posthouse/held/.Trash/cur/" ONE ":2,");
	end();
}
END_TEST

START_TEST(rules_that_are_none_are_refused)
{
	static const char *const bad[] = {"Trash"};
	const struct keeper_conf conf = {.expire = bad, .n_expire = 1};

	begin();
	ck_assert_ptr_null(keeper_new(&conf, dir, "mx", &f));
	ck_assert_str_eq(f.dsn, "5.3.5");
	end();
}
END_TEST

UNIT_MAIN("keeper", an_hour_is_read_or_refused, the_next_round_is_at_its_hour,
    the_first_round_waits_for_its_hour, a_round_that_was_missed_is_made_up_for,
    a_round_that_was_broken_off_goes_on_where_it_was,
    a_state_that_says_nothing_is_made_anew,
    holds_are_watched_from_the_start_and_when_they_begin,
    rules_that_are_none_are_refused)
