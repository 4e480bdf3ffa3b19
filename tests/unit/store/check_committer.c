/* SPDX-License-Identifier: ISC */
/* store/committer.h: everybody is answered, and with the truth. */
#include "config.h"

#include "store/committer.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char path[PLACE_SIZE];
static int dir;

static void
begin(void)
{
	place_make(path, "committer");
	dir = place_open(path);
}

static void
end(void)
{
	close(dir);
	ck_assert_int_eq(rmdir(path), 0);
}

/* Who blocks until it is told. */
struct blocked {
	struct committer_wait wait; /* first */
	sem_t told;
	int rc;
	struct fault fault;
};

static void
on_done(struct committer_wait *wait, const struct fault *failed)
{
	struct blocked *b = (struct blocked *)wait;

	b->rc = failed == NULL ? 0 : -1;
	if (failed != NULL)
		b->fault = *failed;
	sem_post(&b->told);
}

static int
sync_by(struct committer *c, int file, int to, struct fault *f)
{
	struct blocked b = {.wait.done = on_done};
	int rc;

	sem_init(&b.told, 0, 0);
	rc = committer_begin(c, &b.wait, file, to, f);
	if (rc == 0) {
		sem_wait(&b.told);
		rc = b.rc;
		*f = b.fault;
	}
	sem_destroy(&b.told);
	return rc < 0 ? -1 : 0;
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

		if (sync_by(w->committer, -1, -1, &f) == 0) {
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
	/* Known at once: nobody else is there. */
	ck_assert_int_eq(committer_begin(c, NULL, file, dir, &f), 1);
	/* What can not be synced by itself fails. */
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(committer_begin(c, NULL, fds[1], dir, &f), -1);
	ck_assert_int_eq(committer_begin(c, NULL, file, fds[1], &f), -1);
	ck_assert_int_eq(sync_by(c, -1, -1, &f), 0);
	close(fds[0]);
	close(fds[1]);
	committer_free(&c);
	committer_free(&c);
	close(file);
	ck_assert_int_eq(unlinkat(dir, "x", 0), 0);
	end();
}
END_TEST

/* One whose done() takes its time. */
struct slow {
	struct committer_wait wait; /* first */
	struct committer *committer;
	sem_t begun, go_on;
	atomic_bool returned;
	bool told, late;
};

static void
on_slow(struct committer_wait *wait, const struct fault *failed)
{
	struct slow *s = (struct slow *)wait;

	(void)failed;
	sem_post(&s->begun);
	sem_wait(&s->go_on);
	usleep(20000);
	atomic_store(&s->returned, true);
}

static void *
leave(void *ctx)
{
	struct slow *s = ctx;

	s->told = committer_leave(s->committer, &s->wait);
	s->late = atomic_load(&s->returned);
	return NULL;
}

START_TEST(who_leaves_is_never_told_afterwards)
{
	struct slow slow = {.wait.done = on_slow};
	struct blocked others[3];
	pthread_t thread;
	struct fault f;
	int value;

	begin();
	slow.committer = committer_new(dir, &f);
	sem_init(&slow.begun, 0, 0);
	sem_init(&slow.go_on, 0, 0);
	ck_assert_int_eq(
	    committer_begin(slow.committer, &slow.wait, -1, -1, &f), 0);
	sem_wait(&slow.begun);
	/* These gather. The one in the middle leaves, then an end. */
	for (int i = 0; i < 3; i++) {
		others[i] = (struct blocked){.wait.done = on_done, .rc = 1};
		sem_init(&others[i].told, 0, 0);
		ck_assert_int_eq(committer_begin(slow.committer,
				     &others[i].wait, dir, dir, &f),
		    0);
	}
	ck_assert(!committer_leave(slow.committer, &others[1].wait));
	ck_assert(!committer_leave(slow.committer, &others[2].wait));
	/* This one is being told. */
	ck_assert_int_eq(pthread_create(&thread, NULL, leave, &slow), 0);
	sem_post(&slow.go_on);
	pthread_join(thread, NULL);
	ck_assert(slow.told);
	ck_assert(slow.late);
	sem_wait(&others[0].told);
	ck_assert_int_eq(others[0].rc, 0);
	ck_assert(committer_leave(slow.committer, &others[0].wait));
	committer_free(&slow.committer);
	for (int i = 1; i < 3; i++) {
		ck_assert_int_eq(sem_getvalue(&others[i].told, &value), 0);
		ck_assert_int_eq(value, 0);
	}
	end();
}
END_TEST

UNIT_MAIN("committer", all_who_wait_are_answered,
    a_sync_that_fails_is_everybodys_fault,
    who_is_alone_has_its_file_and_directory_synced,
    who_leaves_is_never_told_afterwards)
