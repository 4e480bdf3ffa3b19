/* SPDX-License-Identifier: ISC */
/*
 * Blocking streams on non-blocking descriptors: each call tries first, and
 * only where the kernel has nothing does it wait, with poll() and a deadline,
 * telling the loop that this thread is of no use meanwhile.
 */
#include "config.h"

#include "base/io.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/tls.h"

enum { ROOM_MAX = 64 << 10 }; /* what one call reads at most */

struct io {
	int fd;
	int64_t deadline;
	struct tls *tls;
	struct tls_info *info;
};

struct io *
io_new(int fd)
{
	struct io *io = mem_new(struct io);

	io->fd = fd;
	return io;
}

void
io_free(struct io **io)
{
	if (*io == NULL)
		return;
	tls_free(&(*io)->tls);
	mem_free((*io)->info);
	close((*io)->fd);
	mem_free(*io);
	*io = NULL;
}

int
io_fd(const struct io *io)
{
	return io->fd;
}

void
io_set_deadline(struct io *io, int64_t deadline)
{
	io->deadline = deadline;
}

static int
await(struct io *io, short events, struct fault *f)
{
	struct pollfd p = {.fd = io->fd, .events = events};
	int rc, wait = -1;

	do {
		if (io->deadline != 0) {
			int64_t left = io->deadline - clock_ms();

			if (left < 0)
				left = 0;
			wait = left < 1 << 30 ? (int)left : 1 << 30;
		}
		loop_blocking_begin();
		rc = poll(&p, 1, wait);
		loop_blocking_end();
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return fault_errno(f, "cannot wait for the peer");
	if (rc == 0)
		return fault_temp(f, "4.4.2", "timed out");
	return 0;
}

/* 1 when it is done, 0 when the peer must say more first, -1. */
static int
handshake_now(struct io *io, struct fault *f)
{
	for (;;) {
		switch (tls_handshake(io->tls, f)) {
		case TLS_OK:
			io->info = mem_new(struct tls_info);
			tls_get_info(io->tls, io->info);
			return 1;
		case TLS_WANT_READ:
			return 0;
		case TLS_WANT_WRITE:
			if (await(io, POLLOUT, f) < 0)
				return -1;
			break;
		case TLS_EOF:
			return fault_temp(
			    f, "4.4.2", "connection lost in the TLS handshake");
		case TLS_FAILED:
			return -1;
		}
	}
}

static int
handshake(struct io *io, struct fault *f)
{
	int rc;

	while ((rc = handshake_now(io, f)) == 0)
		if (await(io, POLLIN, f) < 0)
			return -1;
	return rc < 0 ? -1 : 0;
}

int
io_start_tls_server_now(
    struct io *io, struct tls_server *server, struct fault *f)
{
	if (io->tls == NULL)
		io->tls = tls_accept(server, io->fd);
	return handshake_now(io, f);
}

int
io_start_tls_server(struct io *io, struct tls_server *server, struct fault *f)
{
	io->tls = tls_accept(server, io->fd);
	return handshake(io, f);
}

int
io_start_tls_client(struct io *io, struct tls_client *client,
    const struct tls_demand *demand, struct fault *f)
{
	io->tls = tls_connect(client, io->fd, demand);
	return handshake(io, f);
}

const struct tls_info *
io_tls(const struct io *io)
{
	return io->info;
}

enum tls_flaw
io_tls_flaw(const struct io *io)
{
	return io->tls != NULL ? tls_find_flaw(io->tls) : TLS_FLAW_NONE;
}

bool
io_tls_binding(struct io *io, const char *type, struct buf *data)
{
	return io->tls != NULL && tls_get_binding(io->tls, type, data);
}

/* What one attempt found. */
enum found {
	FOUND_SOME,
	FOUND_END,
	FOUND_NOTHING, /* wait until there is input */
	FOUND_NO_ROOM, /* wait until output is possible (TLS) */
	FOUND_FAULT,
};

static enum found
found_by_tls(enum tls_result rc)
{
	switch (rc) {
	case TLS_OK:
		return FOUND_SOME;
	case TLS_WANT_READ:
		return FOUND_NOTHING;
	case TLS_WANT_WRITE:
		return FOUND_NO_ROOM;
	case TLS_EOF:
		return FOUND_END;
	case TLS_FAILED:
		break;
	}
	return FOUND_FAULT;
}

static enum found
try_read(struct io *io, char *bytes, size_t size, size_t *got, struct fault *f)
{
	ssize_t n;

	if (io->tls != NULL)
		return found_by_tls(tls_read(io->tls, bytes, size, got, f));
	do
		n = recv(io->fd, bytes, size, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		return FOUND_SOME;
	}
	if (n == 0)
		return FOUND_END;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return FOUND_NOTHING;
	if (errno == ECONNRESET || errno == EPIPE)
		return FOUND_END;
	fault_errno(f, "cannot read from the peer");
	return FOUND_FAULT;
}

/* One attempt to put up to room bytes into b. */
static enum found
read_once(struct io *io, struct buf *b, size_t room, struct fault *f)
{
	size_t size, got = 0, want = b->max - buf_len(b);
	enum found found;
	char *at;

	if (room > ROOM_MAX)
		room = ROOM_MAX;
	if (want > room)
		want = room;
	at = want > 0 ? buf_space(b, want, &size) : NULL;
	if (at == NULL) {
		fault_perm(f, "5.3.0", "too much input");
		return FOUND_FAULT;
	}
	found = try_read(io, at, size < room ? size : room, &got, f);
	if (found == FOUND_SOME)
		buf_added(b, got);
	return found;
}

int
io_read_now(
    struct io *io, struct buf *b, size_t room, bool *again, struct fault *f)
{
	enum found found = read_once(io, b, room, f);

	*again = found == FOUND_NOTHING || found == FOUND_NO_ROOM;
	return found == FOUND_SOME ? 1 : found == FOUND_FAULT ? -1 : 0;
}

int
io_read(struct io *io, struct buf *b, size_t room, struct fault *f)
{
	for (;;) {
		enum found found = read_once(io, b, room, f);

		if (found == FOUND_SOME || found == FOUND_END)
			return found == FOUND_SOME ? 1 : 0;
		if (found == FOUND_FAULT)
			return -1;
		if (await(io, found == FOUND_NO_ROOM ? POLLOUT : POLLIN, f) < 0)
			return -1;
	}
}

int
io_await(struct io *io, struct fault *f)
{
	return io_has_pending(io) ? 0 : await(io, POLLIN, f);
}

bool
io_has_pending(const struct io *io)
{
	return io->tls != NULL && tls_has_pending(io->tls);
}

static enum found
try_write(struct io *io, struct str bytes, size_t *put, struct fault *f)
{
	ssize_t n;

	if (io->tls != NULL)
		return found_by_tls(
		    tls_write(io->tls, bytes.at, bytes.len, put, f));
	do
		n = send(io->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		*put = (size_t)n;
		return FOUND_SOME;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return FOUND_NO_ROOM;
	if (errno == ECONNRESET || errno == EPIPE)
		return FOUND_END;
	fault_errno(f, "cannot write to the peer");
	return FOUND_FAULT;
}

int
io_write(struct io *io, struct str bytes, struct fault *f)
{
	while (bytes.len > 0) {
		size_t put = 0;
		short event = POLLOUT;

		switch (try_write(io, bytes, &put, f)) {
		case FOUND_SOME:
			bytes = str_from(bytes, put);
			continue;
		case FOUND_END:
			return fault_temp(
			    f, "4.4.2", "the peer closed the connection");
		case FOUND_FAULT:
			return -1;
		case FOUND_NOTHING:
			event = POLLIN;
			break;
		case FOUND_NO_ROOM:
			break;
		}
		if (await(io, event, f) < 0)
			return -1;
	}
	return 0;
}

int
io_flush(struct io *io, struct buf *b, struct fault *f)
{
	int rc = io_write(io, buf_str(b), f);

	buf_reset(b);
	return rc;
}
