/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/policy_client.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "proto/client_pool.h"
#include "proto/policy.h"

enum { SPARE = 4096 }; /* bytes that are read behind an answer */

struct policy_client {
	struct client_pool *pool;
	char shown[128]; /* the address, for faults */
	int64_t timeout_ms;
};

struct policy_client *
policy_client_new(const struct net_address *address, int64_t timeout_ms)
{
	struct policy_client *c = mem_new(struct policy_client);

	c->pool = client_pool_new(address, POLICY_REQUEST_MAX + SPARE, 0);
	c->timeout_ms = timeout_ms;
	net_format(address, c->shown, sizeof c->shown);
	return c;
}

void
policy_client_free(struct policy_client **client)
{
	struct policy_client *c = *client;

	if (c == NULL)
		return;
	client_pool_free(&c->pool);
	mem_free(c);
	*client = NULL;
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
ask(struct client_pool_connection *c, struct str request, struct buf *action,
    struct fault *f)
{
	struct str lines;
	size_t used;

	if (io_write(c->io, request, f) < 0)
		return -1;
	for (;;) {
		if (client_pool_read(c, f) < 0)
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
ask_by(struct policy_client *client, struct client_pool_connection *c,
    struct str request, struct buf *action, int64_t deadline, struct fault *f)
{
	int rc;

	io_set_deadline(c->io, deadline);
	rc = ask(c, request, action, f);
	if (rc == 0 && buf_len(&c->in) == 0)
		client_pool_put(client->pool, &c);
	else
		client_pool_drop(&c);
	return rc;
}

int
policy_ask(struct policy_client *client, struct str request, struct buf *action,
    struct fault *f)
{
	int64_t deadline = clock_ms() + client->timeout_ms;
	struct client_pool_connection *c = client_pool_take(client->pool);
	struct fault why;

	if (c != NULL &&
	    ask_by(client, c, request, action, deadline, &why) == 0)
		return 0;
	c = client_pool_connect(client->pool, deadline, &why);
	if (c != NULL &&
	    ask_by(client, c, request, action, deadline, &why) == 0)
		return 0;
	return fault_temp(f, "4.4.3",
	    "no answer from the policy service at %s: %s", client->shown,
	    why.text);
}
