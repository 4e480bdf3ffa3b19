/* SPDX-License-Identifier: ISC */
/*
 * Socketmap: the codec, and the client.
 *
 * A look-up costs as much as all else that a message needs, so the way through
 * the cache is one lock, one hash and one copy. The cache has places for a few
 * answers under each remainder of the hash: the oldest of these makes way, and
 * whoever chooses keys that collide disturbs only these.
 */
#include "config.h"

#include "proto/socketmap.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/netstring.h"
#include "proto/client_pool.h"

enum {
	WAYS = 8,             /* cached answers with the same remainder */
	CACHED_MAX = 8 << 10, /* bytes of a map, key and value that are kept */
	WIRE_MAX = SOCKETMAP_REPLY_MAX + 16, /* a netstring with its frame */
};

static const struct {
	const char *word;
	enum socketmap_status status;
} words[] = {
    /* The first of each status is the one that is sent. */
    {"OK", SOCKETMAP_OK},
    {"NOTFOUND", SOCKETMAP_NOTFOUND},
    {"TEMP", SOCKETMAP_TEMP},
    {"TIMEOUT", SOCKETMAP_TEMP},
    {"PERM", SOCKETMAP_PERM},
};

bool
socketmap_parse_query(struct str payload, struct str *map, struct str *key)
{
	struct str rest = payload;

	*map = str_cut(&rest, ' ');
	*key = rest;
	return map->len > 0 && rest.at != NULL;
}

void
socketmap_put_reply(
    struct buf *out, enum socketmap_status status, struct str text)
{
	struct str word = {0};

	for (size_t i = 0; word.len == 0 && i < ARRAY_LEN(words); i++)
		if (words[i].status == status)
			word = str(words[i].word);
	if (text.len > SOCKETMAP_REPLY_MAX - word.len - 1) {
		word = STR_LIT("PERM");
		text = STR_LIT("the answer is too long");
	}
	buf_putf(out, "%zu:", word.len + 1 + text.len);
	buf_put_str(out, word);
	buf_putc(out, ' ');
	buf_put_str(out, text);
	buf_putc(out, ',');
}

/* Its bytes are map, key and value, one after the other. */
struct answer {
	uint64_t hash;
	int64_t until; /* clock_ms(); 0: none */
	bool is_missing;
	uint32_t map, key, value;
	uint32_t room;
	char *bytes;
};

struct socketmap_client {
	struct socketmap_client_conf conf;
	char address[140];
	struct client_pool *pool;
	pthread_mutex_t mutex;  /* guards what follows */
	struct answer *answers; /* sets of as many as ways */
	size_t sets, ways;
};

struct socketmap_client *
socketmap_client_new(const struct socketmap_client_conf *conf)
{
	struct socketmap_client *c = mem_new(struct socketmap_client);

	c->conf = *conf;
	net_format(&conf->address, c->address, sizeof c->address);
	c->pool =
	    client_pool_new(&conf->address, WIRE_MAX, SOCKETMAP_QUERY_MAX + 16);
	pthread_mutex_init(&c->mutex, NULL);
	if (conf->cache_ms <= 0)
		return c;
	c->ways = conf->cache_entries < WAYS ? conf->cache_entries : WAYS;
	c->sets = c->ways == 0 ? 0 : conf->cache_entries / c->ways;
	c->answers = mem_zeroed(c->sets * c->ways, sizeof *c->answers);
	return c;
}

void
socketmap_client_free(struct socketmap_client **client)
{
	struct socketmap_client *c = *client;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->sets * c->ways; i++)
		mem_free(c->answers[i].bytes);
	mem_free(c->answers);
	client_pool_free(&c->pool);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c);
	*client = NULL;
}

static uint64_t
hash_of(struct str map, struct str key)
{
	return str_hash(key) ^ str_hash(map) * 31;
}

static struct answer *
set_of(struct socketmap_client *c, uint64_t hash)
{
	return c->answers + hash % c->sets * c->ways;
}

static bool
is_for(const struct answer *a, uint64_t hash, struct str map, struct str key)
{
	return a->until != 0 && a->hash == hash &&
	       str_is(str_n(a->bytes, a->map), map) &&
	       str_is(str_n(a->bytes + a->map, a->key), key);
}

/* With the mutex held. NULL where the answer is not known, or is too old. */
static const struct answer *
find(struct socketmap_client *c, uint64_t hash, struct str map, struct str key,
    int64_t now)
{
	const struct answer *set = set_of(c, hash);

	for (size_t i = 0; i < c->ways; i++)
		if (is_for(&set[i], hash, map, key) && now < set[i].until)
			return &set[i];
	return NULL;
}

static bool
recall(struct socketmap_client *c, struct str map, struct str key, int64_t now,
    struct buf *value)
{
	uint64_t hash = hash_of(map, key);
	const struct answer *a;
	bool is_found;

	if (c->sets == 0)
		return false;
	pthread_mutex_lock(&c->mutex);
	a = find(c, hash, map, key, now);
	is_found = a != NULL && !a->is_missing;
	if (is_found) {
		buf_reset(value);
		buf_put(value, a->bytes + a->map + a->key, a->value);
	}
	pthread_mutex_unlock(&c->mutex);
	/* What does not fit is for the long way to complain of. */
	return is_found && !buf_is_full(value);
}

/* With the mutex held: the place of this very key, or the oldest. */
static struct answer *
place_for(
    struct socketmap_client *c, uint64_t hash, struct str map, struct str key)
{
	struct answer *set = set_of(c, hash), *oldest = set;

	for (size_t i = 0; i < c->ways; i++) {
		if (is_for(&set[i], hash, map, key))
			return &set[i];
		if (set[i].until < oldest->until)
			oldest = &set[i];
	}
	return oldest;
}

static void
keep(struct socketmap_client *c, struct str map, struct str key,
    struct str value, int64_t until)
{
	size_t len = map.len + key.len + value.len;
	uint64_t hash = hash_of(map, key);
	struct answer *a;

	if (c->sets == 0 || len > CACHED_MAX)
		return;
	pthread_mutex_lock(&c->mutex);
	a = place_for(c, hash, map, key);
	if (a->room < len || a->bytes == NULL) {
		a->bytes = mem_resize(a->bytes, len, 1);
		a->room = (uint32_t)len;
	}
	a->hash = hash;
	a->until = until;
	/* Else it points somewhere, whatever its length. */
	a->is_missing = value.at == NULL;
	a->map = (uint32_t)map.len;
	a->key = (uint32_t)key.len;
	a->value = (uint32_t)value.len;
	memcpy(a->bytes, map.at, map.len);
	if (key.len > 0)
		memcpy(a->bytes + map.len, key.at, key.len);
	if (value.len > 0)
		memcpy(a->bytes + map.len + key.len, value.at, value.len);
	pthread_mutex_unlock(&c->mutex);
}

static int
no_answer(const struct socketmap_client *client, const struct fault *why,
    struct fault *f)
{
	return fault_temp(f, "4.4.3", "no answer from the directory at %s: %s",
	    client->address, why->text);
}

/* Sends the query and reads until the answer is whole: 1 with *payload, a view
 * into c->in, 0 where it is no answer, -1 where the connection failed. */
static int
ask(struct client_pool_connection *c, struct str map, struct str key,
    struct str *payload, struct fault *f)
{
	size_t used;

	buf_putf(&c->out, "%zu:", map.len + 1 + key.len);
	buf_put_str(&c->out, map);
	buf_putc(&c->out, ' ');
	buf_put_str(&c->out, key);
	buf_putc(&c->out, ',');
	if (io_flush(c->io, &c->out, f) < 0)
		return -1;
	for (;;) {
		if (client_pool_read(c, f) < 0)
			return -1;
		switch (netstring_take(
		    buf_str(&c->in), SOCKETMAP_REPLY_MAX, payload, &used)) {
		case NETSTRING_MORE:
			continue;
		case NETSTRING_OK:
			return used == buf_len(&c->in) ? 1 : 0;
		case NETSTRING_BAD:
			return 0;
		}
	}
}

static int
nonsense(const struct socketmap_client *client, struct fault *f)
{
	return fault_temp(f, "4.3.0",
	    "the directory at %s gave no proper answer", client->address);
}

static int
found(struct socketmap_client *client, struct str text, struct buf *value,
    struct fault *f)
{
	buf_reset(value);
	buf_put_str(value, text);
	if (buf_is_full(value))
		return fault_temp(f, "4.3.0",
		    "the answer of the directory at %s is too long",
		    client->address);
	return 1;
}

static int
read_answer(struct socketmap_client *client, struct str payload,
    struct buf *value, struct fault *f)
{
	struct str text = payload, word = str_cut(&text, ' ');
	/* A sentence for people: a NUL would end it. */
	struct str why = str_head(text, str_find(text, '\0'));
	size_t i = 0;

	while (i < ARRAY_LEN(words) && !str_is(word, str(words[i].word)))
		i++;
	if (i == ARRAY_LEN(words))
		return nonsense(client, f);
	if (why.len == 0)
		why = STR_LIT("no reason given");
	why = str_head(why, sizeof f->text - 1);
	switch (words[i].status) {
	case SOCKETMAP_OK:
		return found(client, text, value, f);
	case SOCKETMAP_NOTFOUND:
		return 0;
	case SOCKETMAP_TEMP:
		return fault_temp(f, "4.3.0", "%.*s", STR_ARG(why));
	case SOCKETMAP_PERM:
		return fault_perm(f, "5.3.0", "%.*s", STR_ARG(why));
	}
	return nonsense(client, f);
}

/* A connection on which the query was answered, with the answer. One that was
 * kept may have died since: then a new one is tried, once. */
static struct client_pool_connection *
ask_some(struct socketmap_client *client, struct str map, struct str key,
    int64_t deadline, struct str *payload, struct fault *f)
{
	struct client_pool_connection *c = client_pool_take(client->pool);
	bool kept = c != NULL;
	struct fault why;
	int rc;

	for (;;) {
		if (c == NULL)
			c = client_pool_connect(client->pool, deadline, &why);
		if (c == NULL)
			break;
		io_set_deadline(c->io, deadline);
		rc = ask(c, map, key, payload, &why);
		if (rc > 0)
			return c;
		client_pool_drop(&c);
		if (rc == 0) {
			nonsense(client, f);
			return NULL;
		}
		if (!kept || clock_ms() >= deadline)
			break;
		kept = false;
	}
	no_answer(client, &why, f);
	return NULL;
}

int
socketmap_look_up(struct socketmap_client *client, const char *map_name,
    struct str key, struct buf *value, struct fault *f)
{
	int64_t now = clock_ms();
	struct str map = str(map_name), payload;
	struct client_pool_connection *c;
	int rc;

	if (recall(client, map, key, now, value))
		return 1;
	if (map.len + 1 + key.len > SOCKETMAP_QUERY_MAX)
		return fault_perm(f, "5.3.0", "too long to be looked up");
	c = ask_some(
	    client, map, key, now + client->conf.timeout_ms, &payload, f);
	if (c == NULL)
		return -1;
	rc = read_answer(client, payload, value, f);
	buf_reset(&c->in);
	client_pool_put(client->pool, &c);
	if (rc > 0)
		keep(client, map, key, buf_str(value),
		    now + client->conf.cache_ms);
	else if (rc == 0 && client->conf.missing_map != NULL &&
		 str_is(map, str(client->conf.missing_map)))
		keep(client, map, key, (struct str){0},
		    now + client->conf.missing_ms);
	return rc;
}

bool
socketmap_is_missing(struct socketmap_client *client, struct str key)
{
	const char *name = client->conf.missing_map;
	struct str map = str(name != NULL ? name : "");
	const struct answer *a;
	bool is_missing;

	if (client->sets == 0 || map.len == 0)
		return false;
	pthread_mutex_lock(&client->mutex);
	a = find(client, hash_of(map, key), map, key, clock_ms());
	is_missing = a != NULL && a->is_missing;
	pthread_mutex_unlock(&client->mutex);
	return is_missing;
}
