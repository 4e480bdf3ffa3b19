/* SPDX-License-Identifier: ISC */
/*
 * Look-ups by socketmap, sent ahead over one unix socket, each answer checked.
 *
 *   lookups fill DIR USERS                    a directory for authd
 *   lookups ask SOCKET MAP USERS SECONDS WINDOW
 *                                             WINDOW queries under way
 *   lookups names USERS                       the names, a line each, in the
 *                                             order that "ask" has them
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auth/directory.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/net.h"
#include "base/netstring.h"

enum { NAME_MAX_SIZE = 64, READ_SIZE = 64 << 10, BUFFER = 1 << 20 };

static void
fail(const struct fault *f)
{
	fprintf(stderr, "lookups: %s\n", f->text);
	exit(1);
}

static void
format_name(unsigned n, char name[NAME_MAX_SIZE])
{
	snprintf(name, NAME_MAX_SIZE, "user%06u@example.org", n);
}

/* Each once in `users`, and no two near each other. */
static unsigned
pick(unsigned n, unsigned users)
{
	return (unsigned)((uint64_t)n * 7919 % users);
}

static void
fill(const char *dir, unsigned users)
{
	struct fault f;
	struct directory *d =
	    directory_open(&(const struct directory_conf){.dir = dir}, &f);
	char name[NAME_MAX_SIZE];

	if (d == NULL || directory_domain_add(d, str("example.org"), &f) < 0)
		fail(&f);
	for (unsigned i = 0; i < users; i++) {
		format_name(i, name);
		if (directory_user_add(d, str(name), NULL, &f) < 0)
			fail(&f);
	}
	directory_close(&d);
}

static void
print_names(unsigned users)
{
	char name[NAME_MAX_SIZE];

	for (unsigned i = 0; i < users; i++) {
		format_name(pick(i, users), name);
		puts(name);
	}
}

struct asker {
	int fd;
	const char *map;
	unsigned users;
	struct buf out, in;
	unsigned asked, answered;
};

static void
put_queries(struct asker *a, unsigned n)
{
	char name[NAME_MAX_SIZE], query[2 * NAME_MAX_SIZE];

	while (n-- > 0) {
		format_name(pick(a->asked++, a->users), name);
		snprintf(query, sizeof query, "%s %s", a->map, name);
		netstring_put(&a->out, str(query));
	}
}

static void
check_answer(struct asker *a, struct str answer)
{
	char name[NAME_MAX_SIZE], wanted[2 * NAME_MAX_SIZE];

	format_name(pick(a->answered++, a->users), name);
	snprintf(wanted, sizeof wanted, "OK %s", name);
	if (str_is(answer, str(wanted)))
		return;
	fprintf(stderr, "lookups: %s: \"%.*s\"\n", name, STR_ARG(answer));
	exit(1);
}

static void
take_answers(struct asker *a)
{
	struct str answer;
	size_t used;

	for (;;) {
		switch (
		    netstring_take(buf_str(&a->in), BUFFER, &answer, &used)) {
		case NETSTRING_OK:
			check_answer(a, answer);
			buf_consume(&a->in, used);
			continue;
		case NETSTRING_MORE:
			return;
		case NETSTRING_BAD:
			fprintf(stderr, "lookups: no netstring\n");
			exit(1);
		}
	}
}

/* The window is far below what the socket takes, so writing never waits. */
static void
exchange(struct asker *a)
{
	struct pollfd p = {.fd = a->fd, .events = POLLIN};
	size_t room;
	char *at;
	ssize_t n;

	if (buf_len(&a->out) > 0) {
		n = write(a->fd, buf_text(&a->out), buf_len(&a->out));
		if (n != (ssize_t)buf_len(&a->out)) {
			perror("lookups: write");
			exit(1);
		}
		buf_reset(&a->out);
	}
	(void)!poll(&p, 1, -1);
	at = buf_space(&a->in, READ_SIZE, &room);
	n = at == NULL ? -1 : read(a->fd, at, READ_SIZE);
	if (n <= 0) {
		fprintf(stderr, "lookups: the server has hung up\n");
		exit(1);
	}
	buf_added(&a->in, (size_t)n);
	take_answers(a);
}

static void
ask(struct asker *a, const char *path, unsigned seconds, unsigned window)
{
	struct net_address address;
	char text[140];
	int64_t begin, end, took;
	struct rusage usage;
	struct fault f;

	snprintf(text, sizeof text, "unix:%s", path);
	if (net_parse(str(text), &address, &f) < 0 ||
	    (a->fd = net_connect(&address, clock_ms() + 10000, &f)) < 0)
		fail(&f);
	buf_init(&a->out, BUFFER);
	buf_init(&a->in, BUFFER);
	begin = clock_ms();
	end = begin + (int64_t)seconds * 1000;
	while (clock_ms() < end) {
		put_queries(a, window - (a->asked - a->answered));
		exchange(a);
	}
	took = clock_ms() - begin;
	getrusage(RUSAGE_SELF, &usage);
	printf("%llu %lld\n",
	    (unsigned long long)a->answered * 1000 / (uint64_t)took,
	    (long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
		(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
	close(a->fd);
	buf_clear(&a->out);
	buf_clear(&a->in);
}

static unsigned
number(const char *text)
{
	unsigned long n = strtoul(text, NULL, 10);

	if (n == 0 || n > 1000000) {
		fprintf(stderr, "lookups: %s: from 1 to 1000000\n", text);
		exit(64);
	}
	return (unsigned)n;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "fill") == 0 && argc == 4) {
		fill(argv[2], number(argv[3]));
	} else if (strcmp(what, "names") == 0 && argc == 3) {
		print_names(number(argv[2]));
	} else if (strcmp(what, "ask") == 0 && argc == 7) {
		struct asker a = {.map = argv[3], .users = number(argv[4])};

		ask(&a, argv[2], number(argv[5]), number(argv[6]));
	} else {
		fprintf(stderr, "usage: lookups fill|ask|names ...\n");
		return 64;
	}
	return 0;
}
