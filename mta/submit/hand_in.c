/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/hand_in.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/net.h"
#include "base/spool.h"
#include "mta/send/wire.h"

enum {
	CONNECT_MS = 5000,
	AGAIN_MS = 100,
};

int
hand_in_connect(const char *address, int64_t wait_ms, struct fault *f)
{
	const struct timespec pause = {.tv_nsec = AGAIN_MS * 1000000L};
	int64_t until = clock_ms() + wait_ms;
	struct net_address to;
	int fd;

	if (net_parse(str(address), &to, f) < 0)
		return -1;
	while ((fd = net_connect(&to, clock_ms() + CONNECT_MS, f)) < 0 &&
	       clock_ms() < until)
		nanosleep(&pause, NULL);
	return fd;
}

/* Transactions. */

static int
each_piece(void *ctx, int (*piece)(void *to, struct str bytes, struct fault *f),
    void *to, struct fault *f)
{
	return spool_each(ctx, piece, to, f);
}

static void
fail_all(struct smtp_outcome *outcomes, size_t n, const struct fault *f)
{
	for (size_t i = 0; i < n; i++)
		if (!outcomes[i].ok && outcomes[i].fault.dsn[0] == '\0')
			outcomes[i].fault = *f;
}

/* Those who have no answer yet, up to the server's limit. */
struct batch {
	struct envelope_rcpt *rcpts;
	struct send_outcome *outcomes;
	size_t *places; /* of each among all */
	size_t n;
};

static void
gather(const struct hand_in *h, const struct smtp_outcome *outcomes, size_t max,
    struct batch *b)
{
	b->n = 0;
	for (size_t i = 0; i < h->n_rcpts && b->n < max; i++) {
		if (outcomes[i].ok || outcomes[i].fault.dsn[0] != '\0')
			continue;
		b->places[b->n] = i;
		b->rcpts[b->n++] = h->rcpts[i];
	}
}

/* False where the session is of no more use. */
static bool
send_batch(struct wire *wire, const struct hand_in *h, struct batch *b,
    struct smtp_outcome *outcomes, struct fault *f)
{
	const struct send_message message = {
	    .mail = h->mail,
	    .rcpts = b->rcpts,
	    .n_rcpts = b->n,
	    .head = h->head,
	    .size = spool_size(h->body),
	    .each = each_piece,
	    .ctx = h->body,
	};
	enum wire_result result;
	struct fault lost;

	memset(b->outcomes, 0, b->n * sizeof *b->outcomes);
	result = wire_send(wire, &message, true, b->outcomes, f);
	fault_temp(&lost, "4.4.2", "%.120s%s", f->text,
	    result == WIRE_DOUBTFUL ? "; the message may have been taken" : "");
	for (size_t i = 0; i < b->n; i++) {
		const struct send_outcome *o = &b->outcomes[i];

		outcomes[b->places[i]] = (struct smtp_outcome){
		    .ok = o->ok,
		    .fault = result == WIRE_ANSWERED || o->is_answer ? o->fault
								     : lost,
		};
	}
	return result == WIRE_ANSWERED && wire_is_open(wire);
}

static void
send_all(
    struct wire *wire, const struct hand_in *h, struct smtp_outcome *outcomes)
{
	size_t max = wire_peer(wire)->rcpt_max, sent = 0;
	struct batch b = {
	    .rcpts = mem_zeroed(h->n_rcpts, sizeof *b.rcpts),
	    .outcomes = mem_zeroed(h->n_rcpts, sizeof *b.outcomes),
	    .places = mem_zeroed(h->n_rcpts, sizeof *b.places),
	};
	bool more = true;
	struct fault f;

	fault_temp(&f, "4.4.2", "the server has ended the session");
	while (more && sent < h->n_rcpts) {
		gather(h, outcomes, max == 0 ? h->n_rcpts : max, &b);
		more = send_batch(wire, h, &b, outcomes, &f);
		sent += b.n;
	}
	fail_all(outcomes, h->n_rcpts, &f);
	mem_free(b.rcpts);
	mem_free(b.outcomes);
	mem_free(b.places);
}

void
hand_in_message(const struct hand_in *h, struct smtp_outcome *outcomes)
{
	const struct wire_conf conf = {
	    .dialect = DIALECT_SMTP,
	    .hostname = h->hostname,
	};
	struct wire *wire;
	struct fault f;
	int fd;

	memset(outcomes, 0, h->n_rcpts * sizeof *outcomes);
	fd = hand_in_connect(h->address, h->wait_ms, &f);
	if (fd < 0) {
		fail_all(outcomes, h->n_rcpts, &f);
		return;
	}
	wire = wire_new(fd, &conf);
	if (wire_greet(wire, &f) < 0)
		fail_all(outcomes, h->n_rcpts, &f);
	else
		send_all(wire, h, outcomes);
	wire_free(&wire);
}

/* Exit statuses. */

int
hand_in_status_of(const struct fault *f)
{
	static const struct {
		const char *dsn;
		int status;
	} known[] = {
	    {"5.1.1", EX_NOUSER},
	    {"5.1.2", EX_NOHOST},
	    {"5.1.3", EX_DATAERR},
	    {"5.1.6", EX_NOUSER},
	    {"5.1.7", EX_DATAERR},
	    {"5.1.10", EX_NOHOST},
	    {"5.3.4", EX_DATAERR},
	    {"5.3.5", EX_CONFIG},
	    {"5.5.3", EX_DATAERR},
	    {"5.5.4", EX_USAGE},
	    {"5.6.", EX_DATAERR},
	    {"5.7.", EX_NOPERM},
	};

	if (f->kind == FAULT_TEMP)
		return EX_TEMPFAIL;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct str dsn = str(known[i].dsn);

		if (str_is(str(f->dsn), dsn) ||
		    (str_ends(dsn, STR_LIT(".")) &&
			str_starts(str(f->dsn), dsn)))
			return known[i].status;
	}
	return EX_UNAVAILABLE;
}

int
hand_in_status(const struct smtp_outcome *outcomes, size_t n)
{
	int status = EX_OK;

	for (size_t i = 0; i < n; i++) {
		if (outcomes[i].ok)
			continue;
		if (outcomes[i].fault.kind != FAULT_TEMP)
			return hand_in_status_of(&outcomes[i].fault);
		status = EX_TEMPFAIL;
	}
	return status;
}

/* Bytes from one descriptor to the other; 0 at the end, -1. */
static ssize_t
pass(int from, int to)
{
	char bytes[16 * 1024];
	ssize_t got = read(from, bytes, sizeof bytes), put = 0;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	while (put < got) {
		struct pollfd room = {to, POLLOUT, 0};
		ssize_t n = write(to, bytes + put, (size_t)(got - put));

		if (n < 0 && errno == EAGAIN)
			(void)poll(&room, 1, -1);
		else if (n < 0 && errno != EINTR)
			return -1;
		else if (n > 0)
			put += n;
	}
	return got;
}

int
hand_in_relay(int fd)
{
	struct pollfd polls[] = {{STDIN_FILENO, POLLIN, 0}, {fd, POLLIN, 0}};

	for (;;) {
		ssize_t rc = 1;

		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			return EX_OSERR;
		if (polls[0].fd >= 0 && polls[0].revents != 0)
			rc = pass(STDIN_FILENO, fd);
		/* What has been asked is still to be answered. */
		if (rc == 0) {
			polls[0].fd = -1;
			(void)shutdown(fd, SHUT_WR);
		}
		if (rc < 0)
			return EX_IOERR;
		if (polls[1].revents == 0)
			continue;
		rc = pass(fd, STDOUT_FILENO);
		if (rc <= 0)
			return rc == 0 ? EX_OK : EX_IOERR;
	}
}
