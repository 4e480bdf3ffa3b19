/* SPDX-License-Identifier: ISC */
/* store/delivery.h: what is in the mailboxes after a delivery, and what is
 * not. */
#include "config.h"

#include "store/delivery.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/ident.h"
#include "store/hold.h"
#include "store/maildir.h"
#include "tests/unit/store/committed.h"
#include "tests/unit/store/named.h"
#include "tests/unit/store/opened.h"
#include "tests/unit/unit.h"

static struct store *store;

static void
open_store(enum store_commit commit)
{
	struct store_conf conf = opened_conf();

	conf.commit = commit;
	store = opened(&conf);
}

static void
begin(void)
{
	opened_make("delivery");
	open_store(STORE_COMMIT_GROUP);
}

static void
end(void)
{
	store_close(&store);
	place_remove(dir);
}

/* The only (or first) file in a directory below the root; their number. */
static size_t
list(const char *path, char *name, size_t size)
{
	char whole[512];

	snprintf(whole, sizeof whole, "%s/%s", root, path);
	return place_list(whole, name, size);
}

static size_t
count(const char *path)
{
	return list(path, NULL, 0);
}

static void
assert_file(const char *path, const char *content, size_t len)
{
	char name[256], whole[600];
	char *got = malloc(len + 1);
	int fd;

	ck_assert_uint_ge(list(path, name, sizeof name), 1);
	snprintf(whole, sizeof whole, "%s/%s/%s", root, path, name);
	fd = open(whole, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(read(fd, got, len + 1), (ssize_t)len);
	ck_assert(memcmp(got, content, len) == 0);
	close(fd);
	free(got);
}

static void
add(struct delivery *d, const char *to, const char *detail)
{
	struct mailbox_name name;
	struct fault f = {.text = ""};
	size_t slot;

	name = mailbox_named(to);
	ck_assert_msg(
	    delivery_add(d, &name, str(detail), &slot, &f) == 0, "%s", f.text);
}

static enum delivery_result
deliver_to(
    const char *ident, const char *to, const char *detail, const char *text)
{
	struct delivery *d = delivery_new(store, str(ident), false);
	struct delivery_outcome outcome = {.fault.text = ""};
	struct fault f;

	add(d, to, detail);
	ck_assert_int_eq(delivery_write(d, str(text), &f), 0);
	committed(d, &outcome);
	delivery_free(&d);
	return outcome.result;
}

static enum delivery_result
deliver(const char *ident, const char *text)
{
	return deliver_to(ident, "ann@example.org", "", text);
}

START_TEST(a_message_is_a_file_that_names_its_sizes)
{
	char name[256];

	begin();
	ck_assert_int_eq(
	    deliver("", "Subject: x\r\n\r\nhello\r\n"), DELIVERY_STORED);
	ck_assert_uint_eq(list("example.org/ann/new", name, sizeof name), 1);
	assert_file("example.org/ann/new", "Subject: x\n\nhello\n", 18);
	ck_assert_msg(
	    str_ends(str(name), STR_LIT(".mail.example.org,S=18,W=21")), "%s",
	    name);
	ck_assert_uint_eq(count("example.org/ann/tmp"), 0);
	ck_assert_uint_eq(count("example.org/ann/cur"), 0);
	end();
}
END_TEST

static mode_t
mode_of(const char *path)
{
	char whole[256];
	struct stat st;

	snprintf(whole, sizeof whole, "%s/%s", root, path);
	ck_assert_int_eq(stat(whole, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(a_mailbox_is_made_for_its_owner_alone)
{
	char name[256], path[512];

	begin();
	deliver("", "x\r\n");
	ck_assert_uint_eq(mode_of("example.org"), 0700);
	ck_assert_uint_eq(mode_of("example.org/ann"), 0700);
	ck_assert_uint_eq(mode_of("example.org/ann/new"), 0700);
	ck_assert_uint_eq(mode_of("example.org/ann/cur"), 0700);
	ck_assert_uint_eq(mode_of("example.org/ann/tmp"), 0700);
	list("example.org/ann/new", name, sizeof name);
	snprintf(path, sizeof path, "example.org/ann/new/%s", name);
	ck_assert_uint_eq(mode_of(path), 0600);
	end();
}
END_TEST

/* The same message in all ways to cut it in two. */
START_TEST(line_ends_are_kept_right_wherever_the_message_is_cut)
{
	static const char in[] = "a\r\n\r\nb\rc\r\r\nd\r\n\r";
	static const char out[] = "a\n\nb\rc\r\nd\n\r";

	begin();
	for (size_t cut = 0; cut < sizeof in; cut++) {
		struct delivery *d = delivery_new(store, str(""), false);
		struct delivery_outcome outcome;
		char to[64], path[64];
		struct fault f;

		snprintf(to, sizeof to, "u%zu@b", cut);
		snprintf(path, sizeof path, "b/u%zu/new", cut);
		add(d, to, "");
		ck_assert_int_eq(delivery_write(d, str_n(in, cut), &f), 0);
		ck_assert_int_eq(
		    delivery_write(d, str_n(in + cut, sizeof in - 1 - cut), &f),
		    0);
		committed(d, &outcome);
		ck_assert_int_eq(outcome.result, DELIVERY_STORED);
		delivery_free(&d);
		assert_file(path, out, sizeof out - 1);
	}
	end();
}
END_TEST

START_TEST(a_binary_message_is_stored_as_it_came)
{
	static const char bytes[] = "a\r\nb\n\0c\r";
	struct delivery *d;
	struct delivery_outcome outcome;
	char name[256];
	struct fault f;

	begin();
	d = delivery_new(store, str(""), true);
	add(d, "ann@example.org", "");
	for (size_t i = 0; i < sizeof bytes - 1; i++)
		ck_assert_int_eq(delivery_write(d, str_n(bytes + i, 1), &f), 0);
	committed(d, &outcome);
	delivery_free(&d);
	assert_file("example.org/ann/new", bytes, sizeof bytes - 1);
	list("example.org/ann/new", name, sizeof name);
	ck_assert_msg(str_ends(str(name), STR_LIT(",S=8,W=9")), "%s", name);
	end();
}
END_TEST

START_TEST(a_large_message_passes_through_tmp)
{
	size_t lines = 40000;
	struct delivery_outcome outcome;
	struct delivery *d;
	char *want = malloc(lines * 11);
	struct fault f;

	begin();
	d = delivery_new(store, str(""), false);
	add(d, "ann@example.org", "");
	for (size_t i = 0; i < lines; i++) {
		char line[16];

		snprintf(line, sizeof line, "%09zu\r\n", i);
		ck_assert_int_eq(delivery_write(d, str(line), &f), 0);
		snprintf(want + i * 10, 11, "%09zu\n", i);
	}
	ck_assert_uint_eq(count("example.org/ann/tmp"), 1);
	ck_assert_uint_eq(count("example.org/ann/new"), 0);
	committed(d, &outcome);
	ck_assert_int_eq(outcome.result, DELIVERY_STORED);
	delivery_free(&d);
	ck_assert_uint_eq(count("example.org/ann/tmp"), 0);
	assert_file("example.org/ann/new", want, lines * 10);
	free(want);
	end();
}
END_TEST

START_TEST(what_is_not_committed_leaves_nothing)
{
	struct delivery *d;
	struct fault f;
	char big[300000];

	begin();
	memset(big, 'x', sizeof big);
	d = delivery_new(store, str(""), false);
	add(d, "ann@example.org", "");
	ck_assert_int_eq(delivery_write(d, str_n(big, sizeof big), &f), 0);
	ck_assert_uint_eq(count("example.org/ann/tmp"), 1);
	delivery_free(&d);
	ck_assert_uint_eq(count("example.org/ann/tmp"), 0);
	ck_assert_uint_eq(count("example.org/ann/new"), 0);
	end();
}
END_TEST

START_TEST(a_message_for_many_is_one_file)
{
	struct delivery_outcome outcomes[4];
	struct delivery *d;
	char name[256], path[512];
	struct stat st;
	struct fault f;

	begin();
	d = delivery_new(store, str(""), false);
	add(d, "a@example.org", "");
	add(d, "b@example.org", "");
	add(d, "c@example.net", "");
	add(d, "a@example.org", "nofolder");
	ck_assert_int_eq(delivery_write(d, STR_LIT("x\r\n"), &f), 0);
	committed(d, outcomes);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(outcomes[i].result, DELIVERY_STORED);
	delivery_free(&d);
	ck_assert_uint_eq(list("example.org/a/new", name, sizeof name), 1);
	ck_assert_uint_eq(count("example.org/b/new"), 1);
	ck_assert_uint_eq(count("example.net/c/new"), 1);
	snprintf(path, sizeof path, "%s/example.net/c/new/%s", root, name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_nlink, 3);
	ck_assert_uint_eq(count("example.org/a/tmp"), 0);
	end();
}
END_TEST

static void
make_folder(const char *name)
{
	char path[300];

	snprintf(path, sizeof path, "%s/example.org/ann/%s", root, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/example.org/ann/%s/cur", root, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

START_TEST(a_sub_address_goes_to_its_folder_where_that_exists)
{
	char path[128];

	begin();
	deliver_to("", "ann@example.org", "Lists", "x\r\n");
	ck_assert_uint_eq(count("example.org/ann/new"), 1);
	make_folder(".Lists");
	make_folder(".Lists.posthouse");
	deliver_to("", "ann@example.org", "Lists", "x\r\n");
	ck_assert_uint_eq(count("example.org/ann/.Lists/new"), 1);
	deliver_to("", "ann@example.org", "lists", "x\r\n");
	ck_assert_uint_eq(count("example.org/ann/.Lists/new"), 2);
	deliver_to("", "ann@example.org", "lists/posthouse", "x\r\n");
	ck_assert_uint_eq(count("example.org/ann/.Lists.posthouse/new"), 1);
	deliver_to("", "ann@example.org", "../ann", "x\r\n");
	deliver_to("", "ann@example.org", "..", "x\r\n");
	deliver_to("", "ann@example.org", "inbox", "x\r\n");
	ck_assert_uint_eq(count("example.org/ann/new"), 4);
	/* What only looks like a folder may be anything. */
	snprintf(path, sizeof path, "%s/example.org/ann/.ssh", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	deliver_to("", "ann@example.org", "ssh", "x\r\n");
	ck_assert_uint_eq(count("example.org/ann/.ssh"), 0);
	ck_assert_uint_eq(count("example.org/ann/new"), 5);
	end();
}
END_TEST

/* Holds ann@b behind the store's back; what is open looks every two seconds,
 * so this comes before the first delivery. */
static void
hold_ann(void)
{
	const struct hold h = {.since = 1700000000, .who = "root"};
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct mailbox_name ann;
	struct fault f;

	ann = mailbox_named("ann@b");
	ck_assert_int_eq(maildir_make(fd, &ann, &f), 0);
	ck_assert_int_eq(hold_set(fd, &ann, &h, &f), 0);
	close(fd);
}

START_TEST(what_comes_for_a_held_mailbox_has_one_name_more)
{
	char name[256], path[600];
	struct stat st;

	begin();
	hold_ann();
	ck_assert_int_eq(deliver_to("", "ann@b", "", "Subject: x\r\n\r\ny\r\n"),
	    DELIVERY_STORED);
	ck_assert_int_eq(deliver_to("", "bob@b", "", "Subject: x\r\n\r\ny\r\n"),
	    DELIVERY_STORED);
	ck_assert_uint_eq(list("b/ann/new", name, sizeof name), 1);
	snprintf(path, sizeof path, "%s/b/ann/new/%s", root, name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_nlink, 2);
	snprintf(
	    path, sizeof path, "%s/b/ann/posthouse/held/cur/%s:2,", root, name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(count("b/bob/new"), 1);
	ck_assert_uint_eq(count("b/bob/posthouse"), 0);
	end();
}
END_TEST

START_TEST(what_cannot_be_held_is_not_delivered)
{
	char path[200];

	begin();
	hold_ann();
	snprintf(path, sizeof path, "%s/b/ann/posthouse/held", root);
	place_put(AT_FDCWD, path, "");
	ck_assert_int_eq(deliver_to("", "ann@b", "", "Subject: x\r\n\r\ny\r\n"),
	    DELIVERY_FAILED);
	ck_assert_uint_eq(count("b/ann/new"), 0);
	ck_assert_uint_eq(count("b/ann/tmp"), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(deliver_to("", "ann@b", "", "Subject: x\r\n\r\ny\r\n"),
	    DELIVERY_STORED);
	ck_assert_uint_eq(count("b/ann/posthouse/held/cur"), 1);
	end();
}
END_TEST

START_TEST(a_repeat_is_acknowledged_and_not_stored)
{
	struct ident id, other;

	begin();
	ident_make(&id);
	ident_make(&other);
	ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_STORED);
	ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_REPEATED);
	ck_assert_int_eq(deliver(other.text, "x\r\n"), DELIVERY_STORED);
	/* Other trace fields make another size. */
	ck_assert_int_eq(deliver(id.text, "xx\r\n"), DELIVERY_REPEATED);
	ck_assert_int_eq(deliver_to(id.text, "bob@example.org", "", "x\r\n"),
	    DELIVERY_STORED);
	ck_assert_uint_eq(count("example.org/ann/new"), 2);
	end();
}
END_TEST

START_TEST(a_repeat_is_known_after_a_restart)
{
	struct ident id;

	begin();
	ident_make(&id);
	ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_STORED);
	store_close(&store);
	open_store(STORE_COMMIT_GROUP);
	ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_REPEATED);
	ck_assert_uint_eq(count("example.org/ann/new"), 1);
	end();
}
END_TEST

/* A process that delivers and dies without closing the store. */
static void
deliver_and_die(const char *ident, bool seen)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		char name[256], from[600], to[600];

		open_store(STORE_COMMIT_GROUP);
		if (deliver(ident, "x\r\n") != DELIVERY_STORED)
			_exit(1);
		list("example.org/ann/new", name, sizeof name);
		snprintf(
		    from, sizeof from, "%s/example.org/ann/new/%s", root, name);
		snprintf(
		    to, sizeof to, "%s/example.org/ann/cur/%s:2,S", root, name);
		_exit(seen && rename(from, to) < 0 ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

START_TEST(a_repeat_is_known_after_a_crash)
{
	struct ident id;

	for (int seen = 0; seen < 2; seen++) {
		begin();
		store_close(&store);
		ident_make(&id);
		deliver_and_die(id.text, seen);
		open_store(STORE_COMMIT_GROUP);
		ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_REPEATED);
		ck_assert_uint_eq(count("example.org/ann/new"), !seen);
		ck_assert_uint_eq(count("example.org/ann/cur"), seen);
		end();
	}
}
END_TEST

START_TEST(a_repeat_is_known_when_the_index_was_lost)
{
	struct ident id;

	begin();
	ident_make(&id);
	ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_STORED);
	store_close(&store);
	place_remove(index_dir);
	open_store(STORE_COMMIT_GROUP);
	ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_REPEATED);
	end();
}
END_TEST

/* A file that was never whole proves nothing, wherever it is by now. */
START_TEST(what_the_power_cut_short_may_come_again)
{
	char name[256], from[600], to[600];
	struct ident id;

	for (int seen = 0; seen < 2; seen++) {
		begin();
		ident_make(&id);
		ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_STORED);
		store_close(&store);
		list("example.org/ann/new", name, sizeof name);
		snprintf(
		    from, sizeof from, "%s/example.org/ann/new/%s", root, name);
		snprintf(
		    to, sizeof to, "%s/example.org/ann/cur/%s:2,S", root, name);
		ck_assert_int_eq(truncate(from, 0), 0);
		if (seen)
			ck_assert_int_eq(rename(from, to), 0);
		place_remove(index_dir);
		open_store(STORE_COMMIT_GROUP);
		ck_assert_uint_eq(count("example.org/ann/new"), 0);
		ck_assert_uint_eq(count("example.org/ann/cur"), seen);
		ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_STORED);
		end();
	}
}
END_TEST

START_TEST(a_repeat_is_known_after_the_message_was_deleted)
{
	char name[256], path[600];
	struct ident id;

	begin();
	ident_make(&id);
	ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_STORED);
	store_close(&store);
	open_store(STORE_COMMIT_GROUP);
	list("example.org/ann/new", name, sizeof name);
	snprintf(path, sizeof path, "%s/example.org/ann/new/%s", root, name);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(deliver(id.text, "x\r\n"), DELIVERY_REPEATED);
	ck_assert_uint_eq(count("example.org/ann/new"), 0);
	end();
}
END_TEST

START_TEST(an_id_that_may_come_again_makes_no_repeat)
{
	static const char *const ids[] = {"", "3F2A51BC07", "B9F2C101FA", "a/b",
	    "0123456789abcde", "4Xyz/../../etczzz"};

	begin();
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		deliver(ids[i], "x\r\n");
		ck_assert_int_eq(deliver(ids[i], "x\r\n"), DELIVERY_STORED);
	}
	ck_assert_uint_eq(count("example.org/ann/new"),
	    2 * (unsigned)(sizeof ids / sizeof *ids));
	end();
}
END_TEST

START_TEST(postfix_long_queue_ids_make_repeats)
{
	static const char *const ids[] = {
	    "4TmsGn3Rs8z3jYq", "4jYTzz0ppzz1cHk1", "4TmsGn3Rs81z3"};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		ck_assert_int_eq(deliver(ids[i], "x\r\n"), DELIVERY_STORED);
		ck_assert_int_eq(deliver(ids[i], "x\r\n"), DELIVERY_REPEATED);
	}
	store_close(&store);
	open_store(STORE_COMMIT_GROUP);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ck_assert_int_eq(deliver(ids[i], "x\r\n"), DELIVERY_REPEATED);
	end();
}
END_TEST

START_TEST(a_repeat_for_some_is_stored_for_the_others)
{
	struct delivery_outcome outcomes[2];
	struct delivery *d;
	struct ident id;
	struct fault f;

	begin();
	ident_make(&id);
	ck_assert_int_eq(
	    deliver_to(id.text, "a@example.org", "", "x\r\n"), DELIVERY_STORED);
	d = delivery_new(store, str(id.text), false);
	add(d, "a@example.org", "");
	add(d, "b@example.org", "");
	ck_assert_int_eq(delivery_write(d, STR_LIT("x\r\n"), &f), 0);
	committed(d, outcomes);
	delivery_free(&d);
	ck_assert_int_eq(outcomes[0].result, DELIVERY_REPEATED);
	ck_assert_int_eq(outcomes[1].result, DELIVERY_STORED);
	ck_assert_uint_eq(count("example.org/a/new"), 1);
	ck_assert_uint_eq(count("example.org/b/new"), 1);
	ck_assert_uint_eq(count("example.org/a/tmp"), 0);
	ck_assert_uint_eq(count("example.org/b/tmp"), 0);
	end();
}
END_TEST

struct racer {
	pthread_t thread;
	const char *ident;
	const char *first, *second;
	unsigned stored, repeated;
};

static void *
race(void *ctx)
{
	struct racer *r = ctx;
	struct delivery *d = delivery_new(store, str(r->ident), false);
	struct delivery_outcome outcomes[2];
	struct fault f;

	add(d, r->first, "");
	add(d, r->second, "");
	if (delivery_write(d, STR_LIT("x\r\n"), &f) == 0) {
		committed(d, outcomes);
		for (size_t i = 0; i < 2; i++) {
			r->stored += outcomes[i].result == DELIVERY_STORED;
			r->repeated += outcomes[i].result == DELIVERY_REPEATED;
		}
	}
	delivery_free(&d);
	return NULL;
}

START_TEST(one_id_at_the_same_moment_is_stored_once)
{
	struct racer racers[8];

	begin();
	for (unsigned round = 0; round < 20; round++) {
		unsigned stored = 0, repeated = 0;
		struct ident id;

		ident_make(&id);
		for (size_t i = 0; i < 8; i++) {
			racers[i] = (struct racer){.ident = id.text,
			    .first = i % 2 ? "a@b" : "c@b",
			    .second = i % 2 ? "c@b" : "a@b"};
			ck_assert_int_eq(pthread_create(&racers[i].thread, NULL,
					     race, &racers[i]),
			    0);
		}
		for (size_t i = 0; i < 8; i++) {
			pthread_join(racers[i].thread, NULL);
			stored += racers[i].stored;
			repeated += racers[i].repeated;
		}
		ck_assert_uint_eq(stored, 2);
		ck_assert_uint_eq(repeated, 14);
		ck_assert_uint_eq(count("b/a/new"), round + 1);
		ck_assert_uint_eq(count("b/c/new"), round + 1);
	}
	end();
}
END_TEST

static void *
deliver_many(void *ctx)
{
	struct racer *r = ctx;

	for (unsigned i = 0; i < 50; i++) {
		struct ident id;
		char to[32];

		ident_make(&id);
		snprintf(to, sizeof to, "u%u@b", i % 7);
		r->stored +=
		    deliver_to(id.text, to, "", "x\r\n") == DELIVERY_STORED;
	}
	return NULL;
}

static void
deliver_by_threads(enum store_commit commit)
{
	struct racer racers[16] = {0};
	size_t n = 0;

	begin();
	store_close(&store);
	open_store(commit);
	for (size_t i = 0; i < 16; i++)
		ck_assert_int_eq(pthread_create(&racers[i].thread, NULL,
				     deliver_many, &racers[i]),
		    0);
	for (size_t i = 0; i < 16; i++) {
		pthread_join(racers[i].thread, NULL);
		ck_assert_uint_eq(racers[i].stored, 50);
	}
	for (unsigned i = 0; i < 7; i++) {
		char path[32];

		snprintf(path, sizeof path, "b/u%u/new", i);
		n += count(path);
		snprintf(path, sizeof path, "b/u%u/tmp", i);
		ck_assert_uint_eq(count(path), 0);
	}
	ck_assert_uint_eq(n, 800);
	end();
}

START_TEST(many_threads_deliver_by_group_commit)
{
	deliver_by_threads(STORE_COMMIT_GROUP);
}
END_TEST

START_TEST(many_threads_deliver_and_sync_each_by_itself)
{
	deliver_by_threads(STORE_COMMIT_EACH);
}
END_TEST

START_TEST(a_mailbox_that_was_removed_is_made_again)
{
	char path[128];

	begin();
	deliver("", "x\r\n");
	snprintf(path, sizeof path, "%s/example.org/ann", root);
	place_remove(path);
	ck_assert_int_eq(deliver("", "y\r\n"), DELIVERY_STORED);
	assert_file("example.org/ann/new", "y\n", 2);
	end();
}
END_TEST

START_TEST(a_failure_says_why_and_leaves_nothing)
{
	struct delivery_outcome outcome;
	struct delivery *d;
	struct fault f;
	char path[128];

	begin();
	deliver("", "x\r\n");
	snprintf(path, sizeof path, "%s/example.org/ann/tmp", root);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(symlink("/nonexistent", path), 0);
	d = delivery_new(store, str(""), false);
	add(d, "ann@example.org", "");
	ck_assert_int_eq(delivery_write(d, STR_LIT("y\r\n"), &f), 0);
	committed(d, &outcome);
	delivery_free(&d);
	ck_assert_int_eq(outcome.result, DELIVERY_FAILED);
	ck_assert_int_eq(outcome.fault.kind, FAULT_TEMP);
	ck_assert_uint_eq(count("example.org/ann/new"), 1);
	end();
}
END_TEST

static void
break_tmp(const char *mailbox)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s/tmp", root, mailbox);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(symlink("/nonexistent", path), 0);
}

START_TEST(a_mailbox_in_trouble_does_no_harm_to_others)
{
	struct delivery_outcome outcomes[3];
	struct delivery *d;
	struct ident id;
	struct fault f;

	begin();
	ident_make(&id);
	deliver_to("", "a@b", "", "x\r\n");
	break_tmp("b/a");
	d = delivery_new(store, str(id.text), false);
	add(d, "a@b", "");
	add(d, "c@b", "");
	add(d, "d@b", "");
	ck_assert_int_eq(delivery_write(d, STR_LIT("y\r\n"), &f), 0);
	committed(d, outcomes);
	delivery_free(&d);
	ck_assert_int_eq(outcomes[0].result, DELIVERY_FAILED);
	ck_assert_int_eq(outcomes[1].result, DELIVERY_STORED);
	ck_assert_int_eq(outcomes[2].result, DELIVERY_STORED);
	ck_assert_uint_eq(count("b/a/new"), 1);
	ck_assert_uint_eq(count("b/c/new"), 1);
	ck_assert_uint_eq(count("b/d/new"), 1);
	ck_assert_uint_eq(count("b/c/tmp"), 0);
	end();
}
END_TEST

/* A part of it can be written, as on a disk that gets full. */
START_TEST(a_message_that_can_not_be_whole_is_not_there)
{
	struct delivery_outcome outcome;
	struct rlimit before, small;
	struct delivery *d;
	struct fault f;

	begin();
	deliver("", "x\r\n");
	ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 4;
	d = delivery_new(store, str(""), false);
	add(d, "ann@example.org", "");
	ck_assert_int_eq(delivery_write(d, STR_LIT("0123456789\r\n"), &f), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	committed(d, &outcome);
	delivery_free(&d);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(outcome.result, DELIVERY_FAILED);
	ck_assert_int_eq(outcome.fault.kind, FAULT_TEMP);
	ck_assert_uint_eq(count("example.org/ann/new"), 1);
	ck_assert_uint_eq(count("example.org/ann/tmp"), 0);
	ck_assert_int_eq(deliver("", "y\r\n"), DELIVERY_STORED);
	end();
}
END_TEST

START_TEST(what_a_crash_left_half_made_is_removed)
{
	static const char *const halves[] = {
	    "new/1700000000.M000001P1Q1.mail.example.org,S=10,W=10",
	    "tmp/1700000000.M000001P1Q2.mail.example.org,S=2,W=2",
	};
	static const char *const others[] = {
	    "new/1700000000.M1P1.other,S=10,W=10",
	    "tmp/1700000000.M1P1.other",
	    "new/1700000000.M000001P1Q4.mail.example.org,S=2,W=3",
	};

	begin();
	deliver("", "x\r\n");
	store_close(&store);
	for (size_t i = 0; i < 5; i++) {
		char path[256];

		snprintf(path, sizeof path, "%s/example.org/ann/%s", root,
		    i < 2 ? halves[i] : others[i - 2]);
		place_put(AT_FDCWD, path, "x\n");
	}
	open_store(STORE_COMMIT_GROUP);
	ck_assert_uint_eq(count("example.org/ann/new"), 3);
	ck_assert_uint_eq(count("example.org/ann/tmp"), 1);
	end();
}
END_TEST

/* A committer that is told to wait, and what waits for it. */
static sem_t held, let_go;

static void
hold_committer(void *ctx)
{
	(void)ctx;
	sem_post(&held);
	sem_wait(&let_go);
}

static void
count_call(void *ctx)
{
	atomic_fetch_add((atomic_uint *)ctx, 1);
}

static struct delivery *
commit_to_two(const char *ident, void (*done)(void *), void *ctx)
{
	struct delivery *d = delivery_new(store, str(ident), false);
	struct fault f;

	add(d, "a@b", "");
	add(d, "c@b", "");
	ck_assert_int_eq(delivery_write(d, STR_LIT("x\r\n"), &f), 0);
	ck_assert(!delivery_commit(d, done, ctx));
	return d;
}

START_TEST(a_delivery_that_is_freed_before_it_is_durable_leaves_nothing)
{
	struct delivery_outcome outcomes[2];
	struct delivery *first, *second;
	atomic_uint calls = 0;
	struct ident id;

	begin();
	sem_init(&held, 0, 0);
	sem_init(&let_go, 0, 0);
	ident_make(&id);
	first = commit_to_two("", hold_committer, NULL);
	sem_wait(&held);
	second = commit_to_two(id.text, count_call, &calls);
	ck_assert_uint_eq(count("b/a/new"), 2);
	delivery_free(&second);
	ck_assert_uint_eq(count("b/a/new"), 1);
	ck_assert_uint_eq(count("b/c/new"), 1);
	sem_post(&let_go);
	/* Durable, and about to be told; or told, and not listening. */
	delivery_free(&first);
	ck_assert_uint_eq(count("b/a/new"), 1);
	/* Not a repeat: it was never stored. */
	second = delivery_new(store, str(id.text), false);
	add(second, "a@b", "");
	add(second, "c@b", "");
	committed(second, outcomes);
	ck_assert_int_eq(outcomes[0].result, DELIVERY_STORED);
	ck_assert_int_eq(outcomes[1].result, DELIVERY_STORED);
	delivery_free(&second);
	ck_assert_uint_eq(count("b/a/new"), 2);
	ck_assert_uint_eq(atomic_load(&calls), 0);
	end();
}
END_TEST

UNIT_MAIN("delivery", a_message_is_a_file_that_names_its_sizes,
    a_mailbox_is_made_for_its_owner_alone,
    line_ends_are_kept_right_wherever_the_message_is_cut,
    a_binary_message_is_stored_as_it_came, a_large_message_passes_through_tmp,
    what_is_not_committed_leaves_nothing, a_message_for_many_is_one_file,
    a_sub_address_goes_to_its_folder_where_that_exists,
    what_comes_for_a_held_mailbox_has_one_name_more,
    what_cannot_be_held_is_not_delivered,
    a_repeat_is_acknowledged_and_not_stored, a_repeat_is_known_after_a_restart,
    a_repeat_is_known_after_a_crash, a_repeat_is_known_when_the_index_was_lost,
    what_the_power_cut_short_may_come_again,
    a_repeat_is_known_after_the_message_was_deleted,
    an_id_that_may_come_again_makes_no_repeat,
    postfix_long_queue_ids_make_repeats,
    a_repeat_for_some_is_stored_for_the_others,
    one_id_at_the_same_moment_is_stored_once,
    a_delivery_that_is_freed_before_it_is_durable_leaves_nothing,
    many_threads_deliver_by_group_commit,
    many_threads_deliver_and_sync_each_by_itself,
    a_mailbox_that_was_removed_is_made_again,
    a_failure_says_why_and_leaves_nothing,
    a_mailbox_in_trouble_does_no_harm_to_others,
    a_message_that_can_not_be_whole_is_not_there,
    what_a_crash_left_half_made_is_removed)
