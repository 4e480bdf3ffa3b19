/* SPDX-License-Identifier: ISC */
/*
 * What a Maildir costs at the least: creates, writes, syncs and renames files
 * as a delivery agent has to, and does nothing else. tests/bench/bench.py
 * measures mail systems against it.
 *
 *	limit each|group DIR THREADS MESSAGES SIZE
 *
 * each: every thread syncs its file, renames it and syncs the directory.
 * group: files are renamed unsynced, then one thread syncs the file system for
 * all that wait, and the next lot gathers meanwhile.
 *
 * Either way a message counts when its file and its name in new/ are durable.
 * Prints the seconds that it took.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 1000, SIZE_MAX_BYTES = 1 << 20 };

/* Deliveries are numbered in the order in which they begin to wait. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t news;
	uint64_t waiting; /* the last number given */
	uint64_t durable; /* all up to this one are */
	bool busy;        /* a thread syncs */
} group = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .news = PTHREAD_COND_INITIALIZER,
};

static struct {
	bool in_group;
	int tmp;
	int new;
	unsigned threads;
	unsigned messages;
	size_t size;
	char *body;
} work;

static void
die(const char *what)
{
	fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Returns when all that the caller has written is durable. */
static void
wait_for_group(void)
{
	uint64_t mine;

	pthread_mutex_lock(&group.mutex);
	mine = ++group.waiting;
	while (group.durable < mine) {
		uint64_t upto;

		if (group.busy) {
			pthread_cond_wait(&group.news, &group.mutex);
			continue;
		}
		group.busy = true;
		upto = group.waiting;
		pthread_mutex_unlock(&group.mutex);
		if (syncfs(work.new) < 0 || fsync(work.new) < 0)
			die("sync");
		pthread_mutex_lock(&group.mutex);
		group.busy = false;
		group.durable = upto;
		pthread_cond_broadcast(&group.news);
	}
	pthread_mutex_unlock(&group.mutex);
}

static void
deliver(unsigned thread, unsigned number)
{
	char name[80];
	int fd;

	snprintf(name, sizeof name, "1700000000.M%06uP%uQ%u.host,S=%zu,W=%zu",
	    number, (unsigned)getpid(), thread, work.size, work.size);
	fd = openat(
	    work.tmp, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		die("open");
	if (write(fd, work.body, work.size) != (ssize_t)work.size)
		die("write");
	if (!work.in_group && fsync(fd) < 0)
		die("fsync");
	if (close(fd) < 0)
		die("close");
	if (renameat(work.tmp, name, work.new, name) < 0)
		die("rename");
	if (work.in_group)
		wait_for_group();
	else if (fsync(work.new) < 0)
		die("fsync of the directory");
}

static void *
run(void *arg)
{
	unsigned thread = (unsigned)(uintptr_t)arg;

	for (unsigned i = thread; i < work.messages; i += work.threads)
		deliver(thread, i);
	return NULL;
}

static void
run_all(void)
{
	pthread_t threads[THREADS_MAX];

	for (unsigned i = 0; i < work.threads; i++) {
		errno = pthread_create(
		    &threads[i], NULL, run, (void *)(uintptr_t)i);
		if (errno != 0)
			die("pthread_create");
	}
	for (unsigned i = 0; i < work.threads; i++)
		pthread_join(threads[i], NULL);
}

static int
open_folder(const char *dir, const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

static unsigned
number(const char *text, unsigned max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n == 0 || n > max) {
		fprintf(stderr, "limit: bad number: %s\n", text);
		exit(64);
	}
	return (unsigned)n;
}

/* Lines of text, as mail has. */
static char *
make_body(size_t size)
{
	char *body = malloc(size);

	if (body == NULL)
		die("malloc");
	for (size_t i = 0; i < size; i++)
		body[i] = i % 72 == 71 ? '\n' : 'x';
	return body;
}

int
main(int argc, char **argv)
{
	struct timespec begin, end;

	if (argc != 6 ||
	    (strcmp(argv[1], "each") != 0 && strcmp(argv[1], "group") != 0)) {
		fprintf(stderr,
		    "usage: limit each|group DIR THREADS MESSAGES SIZE\n");
		return 64;
	}
	work.in_group = strcmp(argv[1], "group") == 0;
	work.tmp = open_folder(argv[2], "tmp");
	work.new = open_folder(argv[2], "new");
	work.threads = number(argv[3], THREADS_MAX);
	work.messages = number(argv[4], 100000000);
	work.size = number(argv[5], SIZE_MAX_BYTES);
	work.body = make_body(work.size);

	clock_gettime(CLOCK_MONOTONIC, &begin);
	run_all();
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.6f\n", (double)(end.tv_sec - begin.tv_sec) +
			     (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	free(work.body);
	close(work.tmp);
	close(work.new);
	return 0;
}
