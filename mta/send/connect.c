/* SPDX-License-Identifier: ISC */
/*
 * The race of RFC 8305 5: attempts are begun one after the other, at the latest
 * every HEAD_START_MS, at once where the last one has failed; the first
 * that stands wins.
 */
#include "config.h"

#include "mta/send/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

enum { HEAD_START_MS = 250 };

struct attempt {
	int fd; /* -1: over */
	size_t address;
	int64_t until;
};

struct race {
	struct connect *connect;
	struct attempt attempts[CONNECT_MAX];
	size_t n;         /* begun in this race */
	size_t active;    /* of them */
	int64_t begin_at; /* when the next one is due */
	struct fault *fault;
};

/* The next address of the family from *at on; n where there is none. */
static size_t
find_family(
    const struct net_address *addresses, size_t n, size_t at, int family)
{
	while (at < n && addresses[at].sa.ss_family != family)
		at++;
	return at;
}

static void
put_address(struct connect *c, const struct net_address *address, uint16_t port)
{
	struct net_address *to = &c->addresses[c->n++];

	*to = *address;
	if (to->sa.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&to->sa)->sin6_port = htons(port);
	else if (to->sa.ss_family == AF_INET)
		((struct sockaddr_in *)&to->sa)->sin_port = htons(port);
}

void
connect_init(struct connect *c, const struct net_address *addresses, size_t n,
    uint16_t port)
{
	int family = n > 0 ? addresses[0].sa.ss_family : AF_INET6;
	int other = family == AF_INET6 ? AF_INET : AF_INET6;
	size_t a = 0, b = 0;

	c->n = c->next = 0;
	while (c->n < CONNECT_MAX) {
		a = find_family(addresses, n, a, family);
		b = find_family(addresses, n, b, other);
		if (a == n && b == n)
			break;
		if (a < n)
			put_address(c, &addresses[a++], port);
		if (b < n && c->n < CONNECT_MAX)
			put_address(c, &addresses[b++], port);
	}
}

static void
note_failure(struct race *race, size_t address, const char *why)
{
	char text[140];

	net_format(&race->connect->addresses[address], text, sizeof text);
	fault_temp(race->fault, "4.4.1", "cannot connect to %s: %s", text, why);
}

static int
bind_source(const struct connect *c, int fd, int family)
{
	const struct net_address *from = family == AF_INET6  ? c->bind6
					 : family == AF_INET ? c->bind4
							     : NULL;

	if (from == NULL)
		return 0;
	return bind(fd, (const struct sockaddr *)&from->sa, from->len);
}

/* Begins an attempt at the next address. */
static void
begin(struct race *race, int64_t now)
{
	struct connect *c = race->connect;
	size_t i = c->next++;
	const struct net_address *to = &c->addresses[i];
	int flags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(to->sa.ss_family, flags, 0);
	struct attempt *a = &race->attempts[race->n];

	race->begin_at = now + HEAD_START_MS;
	if (fd < 0 || bind_source(c, fd, to->sa.ss_family) < 0 ||
	    (connect(fd, (const struct sockaddr *)&to->sa, to->len) < 0 &&
		errno != EINPROGRESS)) {
		note_failure(race, i, strerror(errno));
		if (fd >= 0)
			close(fd);
		race->begin_at = now;
		return;
	}
	*a = (struct attempt){fd, i, now + c->limit_ms};
	race->n++;
	race->active++;
}

static void
end(struct race *race, struct attempt *a, const char *why, int64_t now)
{
	note_failure(race, a->address, why);
	close(a->fd);
	a->fd = -1;
	race->active--;
	race->begin_at = now;
}

/* The attempt that the kernel has something to say of: its descriptor where it
 * stands, which is then the caller's. */
static int
settle(struct race *race, struct attempt *a, int64_t now)
{
	socklen_t len = sizeof(int);
	int code = 0, fd = a->fd;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code != 0) {
		end(race, a, strerror(code), now);
		return -1;
	}
	a->fd = -1;
	race->active--;
	return fd;
}

static int
time_to_wait(const struct race *race, int64_t now)
{
	int64_t until = INT64_MAX;

	for (size_t i = 0; i < race->n; i++)
		if (race->attempts[i].fd >= 0 &&
		    race->attempts[i].until < until)
			until = race->attempts[i].until;
	if (race->connect->next < race->connect->n && race->begin_at < until)
		until = race->begin_at;
	if (until <= now)
		return 0;
	return until - now < 1 << 30 ? (int)(until - now) : 1 << 30;
}

/* Waits for one of the attempts, or for the next one's time. Returns the winner's
 * place among the attempts, and its descriptor, or -1. */
static int
await(struct race *race, size_t *winner)
{
	struct pollfd polls[CONNECT_MAX];
	int64_t now = clock_ms();
	int fd = -1;

	for (size_t i = 0; i < race->n; i++)
		polls[i] = (struct pollfd){race->attempts[i].fd, POLLOUT, 0};
	loop_blocking_begin();
	if (poll(polls, race->n, time_to_wait(race, now)) < 0)
		for (size_t i = 0; i < race->n; i++)
			polls[i].revents = 0;
	loop_blocking_end();
	now = clock_ms();
	for (size_t i = 0; i < race->n && fd < 0; i++) {
		struct attempt *a = &race->attempts[i];

		if (a->fd < 0)
			continue;
		*winner = i;
		if (polls[i].revents != 0)
			fd = settle(race, a, now);
		else if (now >= a->until)
			end(race, a, strerror(ETIMEDOUT), now);
	}
	return fd;
}

/* The others were not given their time: they may be tried again, after those
 * that were not tried at all. */
static void
give_back(struct race *race)
{
	struct connect *c = race->connect;

	for (size_t i = 0; i < race->n; i++) {
		struct net_address address;
		size_t rest, at = race->attempts[i].address;

		if (race->attempts[i].fd < 0)
			continue;
		close(race->attempts[i].fd);
		address = c->addresses[at];
		rest = c->n - at - 1;
		memmove(&c->addresses[at], &c->addresses[at + 1],
		    rest * sizeof address);
		c->addresses[c->n - 1] = address;
		c->next--;
		for (size_t k = i + 1; k < race->n; k++)
			race->attempts[k].address--;
	}
}

int
connect_next(struct connect *c, struct net_address *reached, struct fault *f)
{
	struct race race = {.connect = c, .fault = f};
	size_t winner = 0;
	int fd = -1, on = 1;

	fault_temp(f, "4.4.1", "no address is left to connect to");
	while (fd < 0 && (race.active > 0 || c->next < c->n)) {
		int64_t now = clock_ms();

		if (c->next < c->n &&
		    (race.active == 0 || now >= race.begin_at))
			begin(&race, now);
		if (race.active > 0)
			fd = await(&race, &winner);
	}
	if (fd >= 0)
		*reached = c->addresses[race.attempts[winner].address];
	give_back(&race);
	if (fd >= 0 && !net_is_unix(reached))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}
