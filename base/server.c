/* SPDX-License-Identifier: ISC */
/*
 * Listeners and sessions on a loop. A session is one task; what is shared
 * between sessions (their list and counts) is under the server's mutex.
 */
#include "config.h"

#include "base/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

enum {
	CLIENT_BUCKETS = 1024,
	OUT_OF_FDS_US = 100000, /* until the next try */
};

/* How many sessions one client address has. */
struct client {
	uint8_t key[9]; /* family, then IPv4 or the first /64 of IPv6 */
	unsigned sessions;
	struct client *next;
};

struct listener {
	struct loop_task task; /* first: a task is its listener */
	struct server *server;
	const struct session_ops *ops;
	void *service;
	struct listener *next;
};

/* session_resume() may come before the session has said that it waits. */
enum waiting {
	WAIT_NONE,
	WAIT_BEGUN,
	WAIT_OVER, /* before it has begun */
};

struct session {
	struct loop_task task; /* first: a task is its session */
	struct server *server;
	const struct session_ops *ops;
	void *state;
	struct io *io;
	struct net_peer peer;
	struct net_address local;
	_Atomic enum waiting waiting;
	int64_t idle;  /* ms */
	int64_t timer; /* clock_ms(); 0: none */
	bool counted;  /* in its client's count */
	struct session *prev, *next;
};

struct server {
	struct loop *loop;
	struct server_limits limits;
	struct listener *listeners;
	atomic_bool draining;
	struct loop_task drain_timer;

	pthread_mutex_t mutex;
	unsigned n;
	struct session *sessions;
	struct client *clients[CLIENT_BUCKETS];
};

/* Limits. */

static bool
client_key(const struct net_peer *peer, uint8_t key[9])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&peer->sa;
	const struct sockaddr_in *four = (const struct sockaddr_in *)&peer->sa;
	struct net_address address = {.sa = peer->sa};

	memset(key, 0, 9);
	if (peer->is_unix || net_is_loopback(&address))
		return false;
	if (peer->sa.ss_family == AF_INET) {
		key[0] = 4;
		memcpy(key + 1, &four->sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		key[0] = 4;
		memcpy(key + 1, six->sin6_addr.s6_addr + 12, 4);
	} else {
		key[0] = 6;
		memcpy(key + 1, six->sin6_addr.s6_addr, 8);
	}
	return true;
}

static struct client **
find_client(struct server *server, const uint8_t key[9])
{
	uint64_t hash = str_hash(str_n((const char *)key, 9));
	struct client **at = &server->clients[hash % CLIENT_BUCKETS];

	while (*at != NULL && memcmp((*at)->key, key, 9) != 0)
		at = &(*at)->next;
	return at;
}

static bool
count_client(struct server *server, const struct net_peer *peer, bool *counted)
{
	struct client **at;
	uint8_t key[9];

	*counted = false;
	if (server->limits.per_client == 0 || !client_key(peer, key))
		return true;
	at = find_client(server, key);
	if (*at == NULL) {
		*at = mem_new(struct client);
		memcpy((*at)->key, key, sizeof key);
	}
	if ((*at)->sessions >= server->limits.per_client)
		return false;
	(*at)->sessions++;
	*counted = true;
	return true;
}

static void
uncount_client(struct server *server, const struct net_peer *peer)
{
	struct client **at, *client;
	uint8_t key[9];

	if (!client_key(peer, key))
		return;
	at = find_client(server, key);
	client = *at;
	if (client == NULL || --client->sessions > 0)
		return;
	*at = client->next;
	mem_free(client);
}

/* The end of sessions. */

static void
close_session(struct session *s)
{
	struct server *server = s->server;
	bool last;

	s->ops->close(s->state);
	loop_forget(server->loop, &s->task);
	io_free(&s->io);
	pthread_mutex_lock(&server->mutex);
	if (s->counted)
		uncount_client(server, &s->peer);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		server->sessions = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	last = --server->n == 0;
	pthread_mutex_unlock(&server->mutex);
	mem_free(s);
	if (last && atomic_load(&server->draining))
		loop_stop(server->loop);
}

static void
park_session(struct session *s)
{
	int64_t deadline = s->idle > 0 ? clock_ms() + s->idle : 0;

	if (s->timer != 0 && (deadline == 0 || s->timer < deadline))
		deadline = s->timer;
	loop_park(s->server->loop, &s->task, deadline);
}

/* False where it is over already. Else the session may be gone. */
static bool
begin_wait(struct session *s)
{
	enum waiting none = WAIT_NONE;

	if (atomic_compare_exchange_strong(&s->waiting, &none, WAIT_BEGUN))
		return true;
	atomic_store(&s->waiting, WAIT_NONE);
	return false;
}

/* Until the session is parked, waits, or is closed. */
static void
carry_on(struct session *s, enum session_next next)
{
	for (;;) {
		if (next == SESSION_CLOSE) {
			close_session(s);
			return;
		}
		if (next == SESSION_WAIT) {
			if (begin_wait(s))
				return;
			next = s->ops->on_resume(s->state);
		} else if (io_has_pending(s->io)) {
			/* Decrypted input that waits inside TLS would never
			 * wake us. */
			next = s->ops->on_input(s->state);
		} else {
			park_session(s);
			return;
		}
	}
}

static bool
is_time(struct session *s)
{
	if (s->timer == 0 || s->timer > clock_ms())
		return false;
	s->timer = 0;
	return true;
}

static void
run_session(struct loop_task *task, enum loop_why why)
{
	struct session *s = (struct session *)task;

	switch (why) {
	case LOOP_READY:
		carry_on(s, s->ops->on_input(s->state));
		return;
	case LOOP_POSTED:
		carry_on(s, s->ops->on_resume(s->state));
		return;
	case LOOP_DEADLINE:
		if (is_time(s)) {
			carry_on(s, s->ops->on_timer(s->state));
			return;
		}
		if (s->ops->on_deadline != NULL)
			s->ops->on_deadline(s->state);
		break;
	case LOOP_DRAIN:
		if (s->ops->on_drain != NULL)
			s->ops->on_drain(s->state);
		break;
	}
	close_session(s);
}

void
session_resume(struct session *s)
{
	enum waiting none = WAIT_NONE;

	if (atomic_compare_exchange_strong(&s->waiting, &none, WAIT_OVER))
		return;
	atomic_store(&s->waiting, WAIT_NONE);
	loop_post(s->server->loop, &s->task);
}

/* The begin of sessions. */

static bool
admit(struct server *server, struct session *s)
{
	bool ok;

	pthread_mutex_lock(&server->mutex);
	ok =
	    server->limits.sessions == 0 || server->n < server->limits.sessions;
	if (ok)
		ok = count_client(server, &s->peer, &s->counted);
	if (ok) {
		server->n++;
		s->next = server->sessions;
		if (s->next != NULL)
			s->next->prev = s;
		server->sessions = s;
	}
	pthread_mutex_unlock(&server->mutex);
	return ok;
}

static void
turn_away(const struct listener *listener, int fd, const struct net_peer *peer)
{
	const char *line = listener->ops->over_limit;

	log_warn(NULL, "too many sessions", "client", peer->address, NULL);
	if (line != NULL)
		(void)!send(fd, line, strlen(line), MSG_NOSIGNAL);
	close(fd);
}

static void
begin_session(struct listener *listener, int fd, const struct net_peer *peer)
{
	struct session *s = mem_new(struct session);
	struct fault f;

	s->task.fd = fd;
	s->task.run = run_session;
	s->server = listener->server;
	s->ops = listener->ops;
	s->peer = *peer;
	if (net_local(fd, &s->local, &f) < 0 || !admit(listener->server, s)) {
		turn_away(listener, fd, peer);
		mem_free(s);
		return;
	}
	s->io = io_new(fd);
	s->state = s->ops->open(listener->service, s);
	carry_on(s, SESSION_PARK);
}

static bool
is_out_of_resources(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOBUFS ||
	       code == ENOMEM;
}

/*
 * The listener is parked again before the session begins: another thread takes
 * the next connection, whatever this one's greeting blocks on.
 */
static void
run_listener(struct loop_task *task, enum loop_why why)
{
	struct listener *listener = (struct listener *)task;
	struct net_peer peer;
	int fd;

	if (why == LOOP_DRAIN) {
		loop_forget(task->loop, task);
		close(task->fd);
		task->fd = -1;
		return;
	}
	fd = net_accept(task->fd, &peer);
	if (fd < 0 && is_out_of_resources(errno)) {
		log_error(
		    NULL, "cannot accept", "reason", strerror(errno), NULL);
		/* The socket stays readable: without a pause we would spin. */
		loop_blocking_begin();
		usleep(OUT_OF_FDS_US);
		loop_blocking_end();
	}
	loop_park(task->loop, task, 0);
	if (fd >= 0)
		begin_session(listener, fd, &peer);
}

/* The server. */

struct server *
server_new(struct loop *loop, const struct server_limits *l)
{
	struct server *server = mem_new(struct server);

	server->loop = loop;
	server->limits = *l;
	pthread_mutex_init(&server->mutex, NULL);
	return server;
}

void
server_free(struct server **server)
{
	struct server *s = *server;

	if (s == NULL)
		return;
	/* So that the last close does not stop a loop that has ended. */
	atomic_store(&s->draining, false);
	while (s->sessions != NULL)
		close_session(s->sessions);
	while (s->listeners != NULL) {
		struct listener *listener = s->listeners;

		s->listeners = listener->next;
		if (listener->task.fd >= 0) {
			loop_forget(s->loop, &listener->task);
			close(listener->task.fd);
		}
		mem_free(listener);
	}
	pthread_mutex_destroy(&s->mutex);
	mem_free(s);
	*server = NULL;
}

void
server_listen(
    struct server *server, int fd, const struct session_ops *ops, void *service)
{
	struct listener *listener = mem_new(struct listener);

	listener->task.fd = fd;
	listener->task.run = run_listener;
	listener->server = server;
	listener->ops = ops;
	listener->service = service;
	listener->next = server->listeners;
	server->listeners = listener;
	loop_park(server->loop, &listener->task, 0);
}

static void
give_up_waiting(struct loop_task *task, enum loop_why why)
{
	(void)why;
	loop_stop(task->loop);
}

void
server_drain(struct server *server, int64_t deadline)
{
	unsigned left;

	atomic_store(&server->draining, true);
	loop_drain(server->loop);
	server->drain_timer.fd = -1;
	server->drain_timer.run = give_up_waiting;
	loop_park_always(server->loop, &server->drain_timer, deadline);
	pthread_mutex_lock(&server->mutex);
	left = server->n;
	pthread_mutex_unlock(&server->mutex);
	if (left == 0)
		loop_stop(server->loop);
}

unsigned
server_sessions(const struct server *server)
{
	struct server *s = (struct server *)(uintptr_t)server;
	unsigned n;

	pthread_mutex_lock(&s->mutex);
	n = s->n;
	pthread_mutex_unlock(&s->mutex);
	return n;
}

struct io *
session_io(struct session *s)
{
	return s->io;
}

const struct net_peer *
session_peer(const struct session *s)
{
	return &s->peer;
}

const struct net_address *
session_local(const struct session *s)
{
	return &s->local;
}

void
session_set_idle(struct session *s, int64_t ms)
{
	s->idle = ms;
}

void
session_set_timer(struct session *s, int64_t at)
{
	s->timer = at;
}

bool
session_is_draining(const struct session *s)
{
	return atomic_load(&s->server->draining);
}
