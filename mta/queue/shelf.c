/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/shelf.h"

#include "base/buf.h"
#include "mta/queue/queue.h"

enum { NAME_MAX_LEN = 1000 };

void
shelf_put(const struct shelf *shelf, struct str name, struct str value)
{
	struct queue_change *change = queue_change_new(shelf->queue);
	struct buf whole;

	buf_init(&whole, NAME_MAX_LEN);
	buf_puts(&whole, shelf->prefix);
	buf_put_str(&whole, name);
	queue_change_set(change, buf_str(&whole), value);
	queue_submit(shelf->queue, &change, NULL, NULL);
	buf_clear(&whole);
}

struct giving {
	size_t prefix;
	int (*give)(void *to, struct str name, struct str value);
	void *to;
};

static int
give_one(void *ctx, struct str name, struct str value)
{
	const struct giving *g = ctx;

	return g->give(g->to, str_from(name, g->prefix), value);
}

int
shelf_each(const struct shelf *shelf,
    int (*give)(void *to, struct str name, struct str value), void *to,
    struct fault *f)
{
	struct giving g = {str(shelf->prefix).len, give, to};

	return queue_each_setting(
	    shelf->queue, str(shelf->prefix), give_one, &g, f);
}
