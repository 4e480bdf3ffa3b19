/* SPDX-License-Identifier: ISC */
/* A pool of connections for each node, made when its first mail comes. */
#include "config.h"

#include "mta/smtpd/nodes.h"

#include <pthread.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mta/send/lmtp_pool.h"
#include "mta/send/route_parse.h"
#include "mta/smtpd/note.h"
#include "proto/socketmap.h"

/* A map that answers nonsense must not fill the memory. */
enum { NODES_MAX = 256 };

struct node {
	struct net_address address;
	struct lmtp_pool *pool;
};

struct nodes {
	struct socketmap_client *map;
	struct lmtp_pool_conf conf;
	pthread_mutex_t mutex;
	struct node nodes[NODES_MAX];
	size_t n;
};

struct nodes *
nodes_new(struct socketmap_client *map, const struct lmtp_pool_conf *conf)
{
	struct nodes *nodes = mem_new(struct nodes);

	nodes->map = map;
	nodes->conf = *conf;
	pthread_mutex_init(&nodes->mutex, NULL);
	return nodes;
}

void
nodes_quit(struct nodes *nodes)
{
	for (size_t i = 0; nodes != NULL && i < nodes->n; i++)
		lmtp_pool_quit(nodes->nodes[i].pool);
}

void
nodes_free(struct nodes **nodes)
{
	struct nodes *n = *nodes;

	if (n == NULL)
		return;
	for (size_t i = 0; i < n->n; i++)
		lmtp_pool_free(&n->nodes[i].pool);
	socketmap_client_free(&n->map);
	pthread_mutex_destroy(&n->mutex);
	mem_free(n);
	*nodes = NULL;
}

/* NULL where there are too many. The mutex is held. */
static struct lmtp_pool *
find_pool(struct nodes *nodes, const struct net_address *address)
{
	struct node *node;
	size_t i = 0;

	while (i < nodes->n && !net_is_same(&nodes->nodes[i].address, address))
		i++;
	if (i == NODES_MAX)
		return NULL;
	node = &nodes->nodes[i];
	if (i == nodes->n) {
		struct lmtp_pool_conf conf = nodes->conf;

		conf.address = node->address = *address;
		node->pool = lmtp_pool_new(&conf);
		nodes->n++;
	}
	return node->pool;
}

static enum node_place
take_answer(struct nodes *nodes, struct str value, struct lmtp_pool **pool,
    struct fault *why)
{
	struct route route = {.where = ""};
	int said = route_parse_transport(value, &route, why);

	if (said <= 0)
		return said < 0 ? NODE_LATER : NODE_OURS;
	if (route.kind != ROUTE_LMTP) {
		fault_temp(why, "4.3.5", "%.*s is no LMTP server",
		    STR_ARG(str_head(value, 100)));
		return NODE_LATER;
	}
	pthread_mutex_lock(&nodes->mutex);
	*pool = find_pool(nodes, &route.lmtp);
	pthread_mutex_unlock(&nodes->mutex);
	if (*pool != NULL)
		return NODE_OTHER;
	fault_temp(why, "4.3.5", "more than %d nodes", NODES_MAX);
	return NODE_LATER;
}

enum node_place
nodes_find(struct nodes *nodes, const char *mailbox, struct notes *notes,
    struct lmtp_pool **pool, struct fault *why)
{
	enum node_place place = NODE_OURS;
	struct buf value;
	int found;

	*pool = NULL;
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = socketmap_look_up(
	    nodes->map, "transport", str(mailbox), &value, why);
	note_look_up(
	    notes, "transport", str(mailbox), found, buf_str(&value), why);
	if (found < 0)
		place = NODE_LATER;
	else if (found > 0)
		place = take_answer(nodes, buf_str(&value), pool, why);
	buf_clear(&value);
	return place;
}
