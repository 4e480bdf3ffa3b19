/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/policy_client.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "proto/policy.h"

enum {
	IDLE_MAX = 64, /* connections */
	READ_SIZE = 4096,
};

struct connection {
	struct io *io;
	struct buf in;
};

struct policy_client {
	struct net_address address;
	char shown[128]; /* the address, for faults */
	int64_t timeout_ms;
	pthread_mutex_t mutex;
	struct connection *idle[IDLE_MAX];
	size_t n;
};

struct policy_client *
policy_client_new(const struct net_address *address, int64_t timeout_ms)
{
	struct policy_client *c = mem_new(struct policy_client);

	c->address = *address;
	c->timeout_ms = timeout_ms;
	net_format(address, c->shown, sizeof c->shown);
	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

static void
connection_free(struct connection **connection)
{
	struct connection *c = *connection;

	if (c == NULL)
		return;
	io_free(&c->io);
	buf_clear(&c->in);
	mem_free(c);
	*connection = NULL;
}

void
policy_client_free(struct policy_client **client)
{
	struct policy_client *c = *client;

	if (c == NULL)
		return;
	while (c->n > 0)
		connection_free(&c->idle[--c->n]);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c);
	*client = NULL;
}

/* One that is open and silent, or NULL. What a service says unasked would be
 * taken for the next answer. */
static struct connection *
take_idle(struct policy_client *client)
{
	for (;;) {
		struct connection *c = NULL;
		struct fault ignored;
		bool again = false;

		pthread_mutex_lock(&client->mutex);
		if (client->n > 0)
			c = client->idle[--client->n];
		pthread_mutex_unlock(&client->mutex);
		if (c == NULL || (io_read_now(c->io, &c->in, READ_SIZE, &again,
				      &ignored) == 0 &&
				     again))
			return c;
		connection_free(&c);
	}
}

static void
put_idle(struct policy_client *client, struct connection *c)
{
	pthread_mutex_lock(&client->mutex);
	if (client->n < IDLE_MAX) {
		client->idle[client->n++] = c;
		c = NULL;
	}
	pthread_mutex_unlock(&client->mutex);
	connection_free(&c);
}

static struct connection *
connect_now(struct policy_client *client, int64_t deadline, struct fault *f)
{
	struct connection *c;
	int fd = net_connect(&client->address, deadline, f);

	if (fd < 0)
		return NULL;
	c = mem_new(struct connection);
	c->io = io_new(fd);
	buf_init(&c->in, POLICY_REQUEST_MAX + READ_SIZE);
	return c;
}

static int
take_action(struct str lines, struct buf *action, struct fault *f)
{
	struct str value;

	if (!policy_get(lines, "action", &value))
		return fault_temp(f, "4.4.3", "an answer without an action");
	buf_reset(action);
	buf_put_str(action, value);
	return buf_is_full(action)
		   ? fault_temp(f, "4.4.3", "an action that is too long")
		   : 0;
}

/* The connection is fit for the next question where this is 0 and nothing is
 * left in it. */
static int
ask(struct connection *c, struct str request, struct buf *action,
    struct fault *f)
{
	struct str lines;
	size_t used;

	if (io_write(c->io, request, f) < 0)
		return -1;
	for (;;) {
		int got = io_read(c->io, &c->in, READ_SIZE, f);

		if (got == 0)
			fault_temp(f, "4.4.2", "the connection was closed");
		if (got <= 0)
			return -1;
		switch (policy_take(buf_str(&c->in), &lines, &used)) {
		case POLICY_MORE:
			continue;
		case POLICY_BAD:
			return fault_temp(f, "4.4.3", "no answer of policy");
		case POLICY_OK:
			break;
		}
		if (take_action(lines, action, f) < 0)
			return -1;
		buf_consume(&c->in, used);
		return 0;
	}
}

static int
ask_by(struct policy_client *client, struct connection *c, struct str request,
    struct buf *action, int64_t deadline, struct fault *f)
{
	int rc;

	io_set_deadline(c->io, deadline);
	rc = ask(c, request, action, f);
	if (rc == 0 && buf_len(&c->in) == 0)
		put_idle(client, c);
	else
		connection_free(&c);
	return rc;
}

int
policy_ask(struct policy_client *client, struct str request, struct buf *action,
    struct fault *f)
{
	int64_t deadline = clock_ms() + client->timeout_ms;
	struct connection *c = take_idle(client);
	struct fault why;

	if (c != NULL &&
	    ask_by(client, c, request, action, deadline, &why) == 0)
		return 0;
	c = connect_now(client, deadline, &why);
	if (c != NULL &&
	    ask_by(client, c, request, action, deadline, &why) == 0)
		return 0;
	return fault_temp(f, "4.4.3",
	    "no answer from the policy service at %s: %s", client->shown,
	    why.text);
}
