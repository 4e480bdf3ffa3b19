/* SPDX-License-Identifier: ISC */
/*
 * A small server in threads of the test, at a unix socket in a fresh
 * directory, or at a free port of 127.0.0.1: one thread a connection. It can be
 * stopped, which cuts its connections, and started again.
 */
#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/net.h"

enum { PEER_MAX = 64 };

struct peer {
	char dir[64];
	char address[96]; /* "unix:…" or "127.0.0.1:…" */
	/* Serves one connection; closes nothing. */
	void (*serve)(struct peer *peer, FILE *in, FILE *out);
	void *ctx;
	pthread_t thread;
	int listener;
	pthread_mutex_t mutex; /* guards what follows */
	unsigned connections;  /* taken so far */
	int fds[PEER_MAX];     /* being served; -1: free */
	pthread_t threads[PEER_MAX];
	unsigned n;
	bool stopping;
};

struct peer_connection {
	struct peer *peer;
	int fd;
	unsigned slot;
};

static inline void *
peer_connection_run(void *arg)
{
	struct peer_connection c = *(struct peer_connection *)arg;
	FILE *in = fdopen(c.fd, "r"), *out = fdopen(dup(c.fd), "w");

	free(arg);
	c.peer->serve(c.peer, in, out);
	fflush(out);
	pthread_mutex_lock(&c.peer->mutex);
	c.peer->fds[c.slot] = -1;
	pthread_mutex_unlock(&c.peer->mutex);
	fclose(out);
	fclose(in);
	return NULL;
}

static inline void *
peer_run(void *arg)
{
	struct peer *peer = arg;

	for (;;) {
		struct peer_connection *c = malloc(sizeof *c);
		int fd;

		c->peer = peer;
		/* The listener does not block, but nobody says when. */
		while ((fd = accept(peer->listener, NULL, NULL)) < 0) {
			fd_set set;

			FD_ZERO(&set);
			FD_SET(peer->listener, &set);
			select(peer->listener + 1, &set, NULL, NULL, NULL);
		}
		c->fd = fd;
		pthread_mutex_lock(&peer->mutex);
		if (peer->stopping || peer->n == PEER_MAX) {
			pthread_mutex_unlock(&peer->mutex);
			close(fd);
			free(c);
			return NULL;
		}
		peer->connections++;
		c->slot = peer->n++;
		peer->fds[c->slot] = fd;
		ck_assert_int_eq(pthread_create(&peer->threads[c->slot], NULL,
				     peer_connection_run, c),
		    0);
		pthread_mutex_unlock(&peer->mutex);
	}
}

static inline void
peer_listen(struct peer *peer)
{
	struct net_address address;
	struct fault f;

	ck_assert_int_eq(net_parse(str(peer->address), &address, &f), 0);
	peer->listener = net_listen(&address, 0600, &f);
	ck_assert_msg(peer->listener >= 0, "%s", f.text);
	ck_assert_int_eq(net_local(peer->listener, &address, &f), 0);
	if (!net_is_unix(&address))
		net_format(&address, peer->address, sizeof peer->address);
	peer->stopping = false;
	peer->n = 0;
	ck_assert_int_eq(
	    pthread_create(&peer->thread, NULL, peer_run, peer), 0);
}

static inline void
peer_begin(struct peer *peer,
    void (*serve)(struct peer *peer, FILE *in, FILE *out), void *ctx)
{
	peer->serve = serve;
	peer->ctx = ctx;
	peer->connections = 0;
	/* The client may leave in the middle of an answer. */
	signal(SIGPIPE, SIG_IGN);
	pthread_mutex_init(&peer->mutex, NULL);
	peer_listen(peer);
}

static inline void
peer_start(struct peer *peer,
    void (*serve)(struct peer *peer, FILE *in, FILE *out), void *ctx)
{
	snprintf(peer->dir, sizeof peer->dir, "/tmp/peer-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(peer->dir));
	snprintf(
	    peer->address, sizeof peer->address, "unix:%s/sock", peer->dir);
	peer_begin(peer, serve, ctx);
}

static inline void
peer_start_tcp(struct peer *peer,
    void (*serve)(struct peer *peer, FILE *in, FILE *out), void *ctx)
{
	peer->dir[0] = '\0';
	snprintf(peer->address, sizeof peer->address, "127.0.0.1:0");
	peer_begin(peer, serve, ctx);
}

/* Cuts all connections; nothing listens any more. */
static inline void
peer_stop(struct peer *peer)
{
	struct net_address address;
	struct fault f;
	unsigned n;
	int fd;

	pthread_mutex_lock(&peer->mutex);
	peer->stopping = true;
	n = peer->n;
	for (unsigned i = 0; i < n; i++)
		if (peer->fds[i] >= 0)
			shutdown(peer->fds[i], SHUT_RDWR);
	pthread_mutex_unlock(&peer->mutex);
	/* Wakes the thread that accepts. */
	ck_assert_int_eq(net_parse(str(peer->address), &address, &f), 0);
	fd = net_connect(&address, 0, &f);
	pthread_join(peer->thread, NULL);
	if (fd >= 0)
		close(fd);
	for (unsigned i = 0; i < n; i++)
		pthread_join(peer->threads[i], NULL);
	close(peer->listener);
	if (peer->dir[0] != '\0')
		unlink(peer->address + 5);
}

static inline unsigned
peer_connections(struct peer *peer)
{
	unsigned n;

	pthread_mutex_lock(&peer->mutex);
	n = peer->connections;
	pthread_mutex_unlock(&peer->mutex);
	return n;
}

static inline void
peer_clear(struct peer *peer)
{
	peer_stop(peer);
	if (peer->dir[0] != '\0')
		rmdir(peer->dir);
	pthread_mutex_destroy(&peer->mutex);
}

#endif
