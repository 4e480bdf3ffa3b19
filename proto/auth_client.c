/* SPDX-License-Identifier: ISC */
/*
 * The client of the Dovecot authentication protocol.
 *
 * An exchange has its
 * connection for itself, so that answers need no sorting; one that ends in OK
 * or FAIL gives it back for the next, all others close it.
 *
 * Secrets pass only through buffers that are wiped, and never into a fault.
 */
#include "config.h"

#include "proto/auth_client.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/mem.h"
#include "proto/auth_answer.h"
#include "proto/auth_connection.h"
#include "proto/auth_line.h"

enum {
	IDLE_MAX = 16, /* connections */
	LISTS_MAX = 16,
};

struct auth_client {
	struct net_address address;
	char *service;
	int64_t timeout_ms;
	char where[140];
	pthread_mutex_t mutex;  /* guards what follows */
	const char *mechanisms; /* as last heard; NULL: never */
	/* All that were ever heard: callers may still hold them. */
	char *lists[LISTS_MAX];
	size_t n_lists;
	struct auth_connection *idle[IDLE_MAX];
	size_t n;
};

struct auth_exchange {
	struct auth_client *client;
	struct auth_connection
	    *connection; /* between the first step and the end */
	char remote[64], local[64], session[64];
	uint16_t remote_port, local_port;
	bool secured, tls;
	char certificate[256];
	auth_binding_call *binding;
	void *binding_ctx;
	struct buf channel; /* what goes with the next line */
	/* Of a step that is waited for without a thread. */
	struct loop *loop; /* NULL: none is */
	void (*done)(void *ctx);
	void *done_ctx;
	bool is_late; /* the time for its answer is over */
	/* The first step, where its connection is a kept one, which may turn
	 * out to be dead; "": it is not. */
	char mechanism[24];
	struct buf response; /* secret */
	bool has_response;
};

enum { CHANNEL_MAX = 256 };

struct auth_client *
auth_client_new(
    const struct net_address *address, const char *service, int64_t timeout_ms)
{
	struct auth_client *c = mem_new(struct auth_client);

	c->address = *address;
	c->service = mem_dup(service);
	c->timeout_ms = timeout_ms;
	net_format(address, c->where, sizeof c->where);
	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

void
auth_client_quit(struct auth_client *c)
{
	while (c->n > 0)
		auth_connection_close(&c->idle[--c->n]);
}

void
auth_client_free(struct auth_client **client)
{
	struct auth_client *c = *client;

	if (c == NULL)
		return;
	auth_client_quit(c);
	while (c->n_lists > 0)
		mem_free(c->lists[--c->n_lists]);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c->service);
	mem_free(c);
	*client = NULL;
}

/* With the mutex held. The list that says the same, kept for good. A server
 * that changes its mind again and again is not followed for ever. */
static const char *
intern_list(struct auth_client *client, const char *names)
{
	for (size_t i = 0; i < client->n_lists; i++)
		if (strcmp(client->lists[i], names) == 0)
			return client->lists[i];
	if (client->n_lists == LISTS_MAX)
		return client->lists[LISTS_MAX - 1];
	client->lists[client->n_lists] = mem_dup(names);
	return client->lists[client->n_lists++];
}

static struct auth_connection *
connect_now(struct auth_client *client, int64_t deadline, struct fault *f)
{
	struct auth_connection *c =
	    auth_connection_open(&client->address, deadline, f);

	if (c == NULL)
		return NULL;
	pthread_mutex_lock(&client->mutex);
	c->mechanisms = intern_list(client, c->names);
	client->mechanisms = c->mechanisms;
	pthread_mutex_unlock(&client->mutex);
	return c;
}

/* An idle connection that is open and silent, or NULL. */
static struct auth_connection *
take_idle(struct auth_client *client)
{
	for (;;) {
		struct auth_connection *c = NULL;

		pthread_mutex_lock(&client->mutex);
		if (client->n > 0)
			c = client->idle[--client->n];
		pthread_mutex_unlock(&client->mutex);
		if (c == NULL || auth_connection_is_idle(c))
			return c;
		auth_connection_close(&c);
	}
}

static void
put_idle(struct auth_client *client, struct auth_connection **connection)
{
	struct auth_connection *c = *connection;

	/* What it carried was secret, and may have been much. */
	buf_clear(&c->out);
	buf_clear(&c->field);
	pthread_mutex_lock(&client->mutex);
	if (!c->broken && buf_len(&c->in) == 0 && client->n < IDLE_MAX) {
		buf_clear(&c->in);
		client->idle[client->n++] = c;
		*connection = NULL;
	}
	pthread_mutex_unlock(&client->mutex);
	auth_connection_close(connection);
}

const char *
auth_client_mechanisms(struct auth_client *client, struct fault *f)
{
	const char *mechanisms;
	struct auth_connection *c;
	struct fault why;

	pthread_mutex_lock(&client->mutex);
	mechanisms = client->mechanisms;
	pthread_mutex_unlock(&client->mutex);
	if (mechanisms != NULL)
		return mechanisms;
	c = connect_now(client, clock_ms() + client->timeout_ms, &why);
	if (c == NULL) {
		fault_temp(f, "4.7.0", "authentication at %s: %s",
		    client->where, why.text);
		return NULL;
	}
	mechanisms = c->mechanisms;
	put_idle(client, &c);
	return mechanisms;
}

/* As much as fits: it is for the logs only. */
static void
copy_head(struct str text, char *to, size_t size)
{
	if (!str_copy(str_head(text, size - 1), to, size))
		to[0] = '\0';
}

struct auth_exchange *
auth_exchange_new(struct auth_client *client, const struct auth_facts *facts)
{
	struct auth_exchange *x = mem_new(struct auth_exchange);

	x->client = client;
	copy_head(str(facts->remote), x->remote, sizeof x->remote);
	copy_head(str(facts->local), x->local, sizeof x->local);
	copy_head(str(facts->session), x->session, sizeof x->session);
	x->remote_port = facts->remote_port;
	x->local_port = facts->local_port;
	x->secured = facts->secured;
	x->tls = facts->tls;
	x->binding = facts->binding;
	x->binding_ctx = facts->binding_ctx;
	buf_init(&x->channel, CHANNEL_MAX);
	x->loop = facts->loop;
	x->done = facts->done;
	x->done_ctx = facts->done_ctx;
	buf_init_secret(&x->response, AUTH_LINE_MAX);
	/* Half a name is another's. */
	if (!str_copy(
		str(facts->certificate), x->certificate, sizeof x->certificate))
		x->certificate[0] = '\0';
	return x;
}

void
auth_exchange_free(struct auth_exchange **exchange)
{
	if (*exchange == NULL)
		return;
	auth_connection_close(&(*exchange)->connection);
	buf_clear(&(*exchange)->channel);
	buf_clear(&(*exchange)->response);
	mem_free(*exchange);
	*exchange = NULL;
}

static void
put_end(struct buf *out, const char *ip, const char *ip_key, uint16_t port,
    const char *port_key)
{
	if (ip[0] == '\0')
		return;
	auth_line_putf(out, "%s=%s", ip_key, ip);
	if (port != 0)
		auth_line_putf(out, "%s=%u", port_key, port);
}

static void
put_request(const struct auth_exchange *x, struct auth_connection *c,
    const char *mechanism, struct str response, bool has_response)
{
	struct buf *out = &c->out;

	buf_reset(out);
	auth_line_put(out, STR_LIT("AUTH"));
	auth_line_putf(out, "%u", (unsigned)++c->id);
	auth_line_put(out, str(mechanism));
	auth_line_putf(out, "service=%s", x->client->service);
	auth_line_put(out, STR_LIT("nologin"));
	put_end(out, x->local, "lip", x->local_port, "lport");
	put_end(out, x->remote, "rip", x->remote_port, "rport");
	if (x->session[0] != '\0')
		auth_line_putf(out, "session=%s", x->session);
	if (x->secured)
		auth_line_put(
		    out, x->tls ? STR_LIT("secured=tls") : STR_LIT("secured"));
	if (x->certificate[0] != '\0') {
		auth_line_put(out, STR_LIT("valid-client-cert"));
		auth_line_putf(out, "cert_username=%s", x->certificate);
	}
	if (has_response) {
		/* Must be the last one: the server reads no further. */
		auth_line_put(out, STR_LIT("resp="));
		crypto_base64_put(out, response);
	}
	auth_line_end(out);
}

static void
put_continuation(
    struct auth_connection *c, struct str response, struct buf *channel)
{
	buf_reset(&c->out);
	auth_line_put(&c->out, STR_LIT("CONT"));
	auth_line_putf(&c->out, "%u", (unsigned)c->id);
	auth_line_put(&c->out, STR_LIT(""));
	crypto_base64_put(&c->out, response);
	if (buf_len(channel) > 0) {
		auth_line_put(&c->out, STR_LIT("channel_binding="));
		crypto_base64_put(&c->out, buf_str(channel));
		buf_reset(channel);
	}
	auth_line_end(&c->out);
}

/* Sends what is in out, and reads the answer where that is to be waited for
 * here. -1 as above. */
static int
converse(const struct auth_exchange *x, struct auth_answer *a, struct fault *f)
{
	struct auth_connection *c = x->connection;

	if (io_flush(c->io, &c->out, f) < 0)
		return -1;
	if (x->loop == NULL)
		return auth_answer_read(c, a, f);
	a->result = AUTH_WAIT;
	return 0;
}

static bool
is_listed(const char *list, const char *name)
{
	struct str names = str(list);

	while (names.len > 0)
		if (str_is(str_cut(&names, ' '), str(name)))
			return true;
	return false;
}

static enum auth_result
refuse(const char *why, struct fault *f)
{
	fault_perm(f, "5.7.8", "%s", why);
	return AUTH_FAILED;
}

/* What a first step has to say. */
struct opening {
	const char *mechanism;
	struct str response;
	bool has_response;
};

/* With a connection. -1 where that failed. */
static int
open_exchange(struct auth_exchange *x, const struct opening *o,
    struct auth_answer *a, struct fault *f)
{
	struct auth_connection *c = x->connection;

	if (!is_listed(c->mechanisms, o->mechanism)) {
		/* Another connection may have listed what binds to TLS. */
		if (str_ends(str(o->mechanism), STR_LIT("-PLUS")))
			return fault_temp(f, "4.7.0", "it lists no %s just now",
			    o->mechanism);
		a->result = refuse("unknown mechanism", f);
		return 0;
	}
	put_request(x, c, o->mechanism, o->response, o->has_response);
	if (buf_is_full(&c->out)) {
		a->result = refuse("too long", f);
		return 0;
	}
	return converse(x, a, f);
}

static int
begin_anew(struct auth_exchange *x, const struct opening *o,
    struct auth_answer *a, struct fault *f)
{
	auth_connection_close(&x->connection);
	x->mechanism[0] = '\0';
	x->connection =
	    connect_now(x->client, clock_ms() + x->client->timeout_ms, f);
	return x->connection == NULL ? -1 : open_exchange(x, o, a, f);
}

/* For when its answer does not come; too long a name is none. */
static void
keep_opening(struct auth_exchange *x, const struct opening *o)
{
	if (x->loop == NULL ||
	    !str_copy(str(o->mechanism), x->mechanism, sizeof x->mechanism))
		return;
	buf_reset(&x->response);
	buf_put_str(&x->response, o->response);
	x->has_response = o->has_response;
}

/* A kept connection may have died since: then a new one is tried, once. */
static int
begin(struct auth_exchange *x, const struct opening *o, struct auth_answer *a,
    struct fault *f)
{
	auth_connection_close(&x->connection);
	x->mechanism[0] = '\0';
	x->connection = take_idle(x->client);
	if (x->connection != NULL) {
		io_set_deadline(
		    x->connection->io, clock_ms() + x->client->timeout_ms);
		keep_opening(x, o);
		if (open_exchange(x, o, a, f) == 0)
			return 0;
	}
	return begin_anew(x, o, a, f);
}

static int
go_on(struct auth_exchange *x, struct str response, struct auth_answer *a,
    struct fault *f)
{
	struct auth_connection *c = x->connection;

	if (c == NULL)
		return fault_temp(f, "4.7.0", "there is no exchange");
	put_continuation(c, response, &x->channel);
	if (buf_is_full(&c->out)) {
		c->broken = true;
		a->result = refuse("too long", f);
		return 0;
	}
	io_set_deadline(c->io, clock_ms() + x->client->timeout_ms);
	return converse(x, a, f);
}

/* What the server wants to hear of the channel, which our caller knows. */
static enum auth_result
fetch_binding(struct auth_exchange *x, struct fault *f)
{
	struct auth_connection *c = x->connection;
	bool ok;

	if (c->binding[0] == '\0')
		return AUTH_CONTINUE;
	buf_reset(&x->channel);
	ok = x->binding != NULL &&
	     x->binding(x->binding_ctx, c->binding, &x->channel) &&
	     buf_len(&x->channel) > 0 && !buf_is_full(&x->channel);
	c->binding[0] = '\0';
	if (ok)
		return AUTH_CONTINUE;
	c->broken = true;
	return refuse("the channel is not bound in the way it wants", f);
}

static enum auth_result
conclude(struct auth_exchange *x, int rc, struct auth_answer *a,
    struct fault *why, struct fault *f)
{
	if (rc < 0)
		a->result = AUTH_TEMP;
	else if (a->result == AUTH_CONTINUE)
		a->result = fetch_binding(x, why);
	if (a->result == AUTH_FAILED)
		*f = *why;
	else if (a->result == AUTH_TEMP)
		fault_temp(f, "4.7.0", "authentication at %s: %s",
		    x->client->where, why->text);
	if (rc < 0)
		auth_connection_close(&x->connection);
	else if (a->result != AUTH_CONTINUE)
		put_idle(x->client, &x->connection);
	return a->result;
}

/* Without a thread. */

static void
on_answer(struct loop_task *task, enum loop_why why)
{
	struct auth_exchange *x = ((struct auth_connection *)task)->waiter;

	x->is_late = why == LOOP_DEADLINE;
	x->done(x->done_ctx);
}

/* From here on the exchange is done()'s. */
static enum auth_result
wait_for_answer(struct auth_exchange *x)
{
	struct auth_connection *c = x->connection;

	c->waiter = x;
	x->is_late = false;
	c->task.run = on_answer;
	loop_park_always(x->loop, &c->task, clock_ms() + x->client->timeout_ms);
	return AUTH_WAIT;
}

enum auth_result
auth_exchange_step(struct auth_exchange *x, const char *mechanism,
    struct str response, bool has_response, struct buf *challenge,
    struct buf *user, struct fault *f)
{
	const struct opening o = {mechanism, response, has_response};
	struct auth_answer a = {AUTH_TEMP, challenge, user};
	struct fault why;
	int rc = mechanism != NULL ? begin(x, &o, &a, &why)
				   : go_on(x, response, &a, &why);

	if (rc == 0 && a.result == AUTH_WAIT)
		return wait_for_answer(x);
	return conclude(x, rc, &a, &why, f);
}

enum auth_result
auth_exchange_finish(struct auth_exchange *x, struct buf *challenge,
    struct buf *user, struct fault *f)
{
	char mechanism[sizeof x->mechanism];
	const struct opening o = {
	    mechanism, buf_str(&x->response), x->has_response};
	struct auth_answer a = {AUTH_TEMP, challenge, user};
	struct fault why;
	int rc;

	memcpy(mechanism, x->mechanism, sizeof mechanism);
	if (x->is_late)
		rc = fault_temp(&why, "4.4.2", "no answer in time");
	else
		rc = auth_answer_read(x->connection, &a, &why);
	if (rc < 0 && !x->is_late && mechanism[0] != '\0') {
		/* A new connection is no everyday matter: it is waited for. */
		x->loop = NULL;
		rc = begin_anew(x, &o, &a, &why);
	}
	buf_clear(&x->response);
	x->mechanism[0] = '\0';
	return conclude(x, rc, &a, &why, f);
}
