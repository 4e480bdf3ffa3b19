/* SPDX-License-Identifier: ISC */
/* store/committer.h: everybody is answered, and with the truth. */
#include "config.h"

#include "store/committer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char path[64];
static int dir;

static void
begin(void)
{
	snprintf(path, sizeof path, "/tmp/check_committer.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
}

static void
end(void)
{
	close(dir);
	ck_assert_int_eq(rmdir(path), 0);
}

struct waiter {
	struct committer *committer;
	pthread_t thread;
	unsigned ok, failed;
};

static void *
wait_often(void *ctx)
{
	struct waiter *w = ctx;

	for (unsigned i = 0; i < 50; i++) {
		struct fault f = {.text = ""};

		if (committer_wait(w->committer, -1, -1, &f) == 0) {
			w->ok++;
			continue;
		}
		ck_assert_int_eq(f.kind, FAULT_TEMP);
		ck_assert_str_ne(f.text, "");
		w->failed++;
	}
	return NULL;
}

static struct waiter
wait_by_threads(int root)
{
	struct waiter w[8] = {0}, sum = {0};
	struct committer *c;
	struct fault f;

	c = committer_new(root, &f);
	ck_assert_ptr_nonnull(c);
	for (size_t i = 0; i < 8; i++) {
		w[i].committer = c;
		ck_assert_int_eq(
		    pthread_create(&w[i].thread, NULL, wait_often, &w[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		pthread_join(w[i].thread, NULL);
		sum.ok += w[i].ok;
		sum.failed += w[i].failed;
	}
	committer_free(&c);
	ck_assert_ptr_null(c);
	return sum;
}

START_TEST(all_who_wait_are_answered)
{
	begin();
	ck_assert_uint_eq(wait_by_threads(dir).ok, 400);
	end();
}
END_TEST

START_TEST(a_sync_that_fails_is_everybodys_fault)
{
	/* Not a number that was closed: the C library opens a file when a
	 * thread first allocates, and would get it. */
	ck_assert_uint_eq(wait_by_threads(-1).failed, 400);
}
END_TEST

START_TEST(who_is_alone_has_its_file_and_directory_synced)
{
	struct committer *c;
	struct fault f;
	int file, fds[2];

	begin();
	c = committer_new(dir, &f);
	ck_assert_ptr_nonnull(c);
	file = openat(dir, "x", O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(committer_wait(c, file, dir, &f), 0);
	/* What can not be synced by itself fails. */
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(committer_wait(c, fds[1], dir, &f), -1);
	ck_assert_int_eq(committer_wait(c, file, fds[1], &f), -1);
	ck_assert_int_eq(committer_wait(c, -1, -1, &f), 0);
	close(fds[0]);
	close(fds[1]);
	committer_free(&c);
	committer_free(&c);
	close(file);
	ck_assert_int_eq(unlinkat(dir, "x", 0), 0);
	end();
}
END_TEST

UNIT_MAIN("committer", all_who_wait_are_answered,
    a_sync_that_fails_is_everybodys_fault,
    who_is_alone_has_its_file_and_directory_synced)
