/* SPDX-License-Identifier: ISC */
/*
 * What the queue takes, without a network: threads that each hand a message of
 * 4 KiB over and wait for the answer.
 *
 *   queue DIR rate THREADS SECONDS    messages a second
 *   queue DIR fill N [DOMAINS [BYTES]]  N messages, many at once
 *   queue DIR open                    time and memory of a start
 *   queue DIR churn ROUNDS            5,000 in and out, and what stays on disk
 */
#include "config.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mta/queue/queue.h"

enum { SIZE = 4 << 10, UNDER_WAY = 1000, CHURN = 5000 };

static struct queue *queue;
static unsigned domains = 1009; /* that recipients are in, by turns */
static size_t size = SIZE;      /* of a body */
static char body[SIZE];
static atomic_uint_fast64_t added;
static atomic_bool stop;
static sem_t room;

static void
fail(const struct fault *f)
{
	fprintf(stderr, "queue: %s\n", f->text);
	exit(1);
}

static struct queue_change *
make_change(unsigned n, struct ident *id)
{
	struct queue_change *c = queue_change_new(queue);
	struct entry_rcpt rcpt = {0};
	struct entry e = {.owner = str("ann@example.org"), .n_rcpts = 1};
	struct fault f;
	char to[64];

	ident_make(&e.id);
	*id = e.id;
	e.arrived = ident_time_us(str(e.id.text)) / 1000;
	e.expires = e.arrived + 5 * 86400000LL;
	e.rcpts = &rcpt;
	snprintf(to, sizeof to, "user%u@d%u.example", n % 1000, n % domains);
	if (address_parse(str("ann@example.org"), &e.mail.reverse_path, &f) <
		0 ||
	    address_parse(str(to), &rcpt.to.forward_path, &f) < 0)
		fail(&f);
	rcpt.due = e.arrived + 300000 + n % 1000;
	if (queue_change_add(c, &e, str_n(body, size), NULL, &f) < 0)
		fail(&f);
	return c;
}

static void *
add_one_by_one(void *ctx)
{
	unsigned n = *(unsigned *)ctx * 7919;
	struct ident id;
	struct fault f;

	while (!atomic_load(&stop)) {
		struct queue_change *c = make_change(n++, &id);

		if (queue_commit(queue, &c, &f) < 0)
			fail(&f);
		atomic_fetch_add(&added, 1);
	}
	return NULL;
}

static void
measure_rate(unsigned n, unsigned seconds)
{
	pthread_t *threads = mem_zeroed(n, sizeof *threads);
	unsigned *numbers = mem_zeroed(n, sizeof *numbers);
	int64_t begin = clock_ms(), took;

	for (unsigned i = 0; i < n; i++) {
		numbers[i] = i;
		pthread_create(&threads[i], NULL, add_one_by_one, &numbers[i]);
	}
	sleep(seconds);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	took = clock_ms() - begin;
	printf("threads=%u messages=%llu per_second=%lld\n", n,
	    (unsigned long long)added, (long long)(added * 1000 / took));
	mem_free(threads);
	mem_free(numbers);
}

static void
on_done(void *ctx, int rc, const struct fault *f)
{
	(void)ctx;
	if (rc < 0)
		fail(f);
	sem_post(&room);
}

static void
wait_for_all(void)
{
	for (int i = 0; i < UNDER_WAY; i++)
		sem_wait(&room);
	for (int i = 0; i < UNDER_WAY; i++)
		sem_post(&room);
}

static void
fill(unsigned n, struct ident *ids)
{
	int64_t begin = clock_ms();
	struct ident id;

	for (unsigned i = 0; i < n; i++) {
		struct queue_change *c = make_change(i, &id);

		if (ids != NULL)
			ids[i] = id;
		sem_wait(&room);
		queue_submit(queue, &c, on_done, NULL);
	}
	wait_for_all();
	if (ids == NULL)
		printf(
		    "filled=%u ms=%lld\n", n, (long long)(clock_ms() - begin));
}

static unsigned long long
size_of(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned long long sum = 0;
	struct stat st;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strstr(e->d_name, prefix) != NULL &&
		    fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			sum += (unsigned long long)st.st_blocks * 512;
	}
	if (d != NULL)
		closedir(d);
	return sum >> 10;
}

static void
churn(const char *dir, unsigned rounds)
{
	struct ident *ids = mem_zeroed(CHURN, sizeof *ids);

	for (unsigned round = 0; round < rounds; round++) {
		fill(CHURN, ids);
		for (unsigned i = 0; i < CHURN; i++) {
			struct queue_change *c = queue_change_new(queue);

			queue_change_remove(c, &ids[i]);
			sem_wait(&room);
			queue_submit(queue, &c, on_done, NULL);
		}
		wait_for_all();
		printf("round=%u tables_kib=%llu log_kib=%llu\n", round,
		    size_of(dir, ".db"), size_of(dir, "log."));
	}
	mem_free(ids);
}

static int
count_lane(void *ctx, const struct queue_lane *lane)
{
	uint64_t *sums = ctx;

	sums[0]++;
	sums[1] += lane->waiting;
	return 0;
}

static void
report_open(int64_t begin)
{
	uint64_t sums[2] = {0};
	int64_t opened = clock_ms(), read;
	struct rusage usage;
	struct fault f;

	if (queue_each_lane(queue, count_lane, sums, &f) < 0)
		fail(&f);
	read = clock_ms();
	getrusage(RUSAGE_SELF, &usage);
	printf("open_ms=%lld lanes_ms=%lld lanes=%llu rows=%llu max_kib=%ld\n",
	    (long long)(opened - begin), (long long)(read - opened),
	    (unsigned long long)sums[0], (unsigned long long)sums[1],
	    usage.ru_maxrss);
}

static void
set_fill(int n, char **args)
{
	if (n > 0)
		domains = (unsigned)strtoul(args[0], NULL, 10);
	if (n > 1)
		size = strtoul(args[1], NULL, 10);
	if (domains == 0)
		domains = 1;
	if (size > SIZE)
		size = SIZE;
}

int
main(int argc, char **argv)
{
	struct queue_conf conf = {0};
	int64_t begin = clock_ms();
	const char *what = argc > 2 ? argv[2] : "";
	unsigned n = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
	struct fault f;

	if (argc < 3) {
		fprintf(stderr, "usage: queue DIR rate|fill|open|churn ...\n");
		return 64;
	}
	if (strcmp(what, "fill") == 0)
		set_fill(argc - 4, argv + 4);
	memset(body, 'x', sizeof body);
	sem_init(&room, 0, UNDER_WAY);
	conf.dir = argv[1];
	queue = queue_open(&conf, &f);
	if (queue == NULL)
		fail(&f);
	if (strcmp(what, "rate") == 0)
		measure_rate(
		    n, argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 5);
	else if (strcmp(what, "fill") == 0)
		fill(n, NULL);
	else if (strcmp(what, "churn") == 0)
		churn(argv[1], n);
	else
		report_open(begin);
	queue_close(&queue);
	return 0;
}
