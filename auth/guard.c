/* SPDX-License-Identifier: ISC */
/*
 * Three tables: accounts, networks, and the networks of each account from
 * which it has logged in. A failure is counted in the third where it has the
 * pair, else in the first two.
 */
#include "config.h"

#include "auth/guard.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "auth/tally.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"

enum {
	ENTRIES = 16384, /* of each table */
	DELAYS = 64,
	FIRST_DELAY_MS = 1000, /* of the second failure; then twice as long */
	SECRET = 32,
	NETWORK_MAX = 9, /* bytes of a network's key */
};

static const int64_t known_ms = 30LL * 24 * 3600 * 1000;

struct guard {
	struct guard_conf conf;
	struct net_network *exempt;
	uint8_t secret[SECRET];
	atomic_uint delays;
	pthread_mutex_t mutex; /* guards the tables */
	struct tally *accounts, *networks, *known;
};

struct guard *
guard_new(const struct guard_conf *conf)
{
	struct guard *g = mem_new(struct guard);

	g->conf = *conf;
	if (g->conf.delays == 0)
		g->conf.delays = DELAYS;
	g->exempt = mem_zeroed(conf->n_exempt + 1, sizeof *g->exempt);
	for (size_t i = 0; i < conf->n_exempt; i++)
		g->exempt[i] = conf->exempt[i];
	crypto_random(g->secret, sizeof g->secret);
	pthread_mutex_init(&g->mutex, NULL);
	g->accounts = tally_new(ENTRIES);
	g->networks = tally_new(ENTRIES);
	g->known = tally_new(ENTRIES);
	return g;
}

void
guard_free(struct guard **guard)
{
	struct guard *g = *guard;

	if (g == NULL)
		return;
	tally_free(&g->accounts);
	tally_free(&g->networks);
	tally_free(&g->known);
	pthread_mutex_destroy(&g->mutex);
	mem_wipe(g->secret, sizeof g->secret);
	mem_free(g->exempt);
	mem_free(g);
	*guard = NULL;
}

/* Keys. */

/* a has no NUL, so the two parts cannot be taken for other ones. */
static void
digest(const struct guard *g, struct str a, struct str b, void *to, size_t len)
{
	uint8_t mac[CRYPTO_SHA256_LEN];
	struct buf bytes;

	buf_init_secret(&bytes, a.len + 1 + b.len);
	buf_put_str(&bytes, a);
	buf_putc(&bytes, '\0');
	buf_put_str(&bytes, b);
	crypto_hmac_sha256(str_n((const char *)g->secret, sizeof g->secret),
	    buf_str(&bytes), mac);
	buf_clear(&bytes);
	memcpy(to, mac, len);
}

struct keys {
	uint8_t account[TALLY_KEY], network[TALLY_KEY], pair[TALLY_KEY];
	bool has_network; /* and it is counted */
	uint64_t proof;   /* 0: none */
};

/* The bytes that all addresses of the network have in common. */
static size_t
network_bytes(const struct sockaddr_storage *sa, char bytes[NETWORK_MAX])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *four = (const struct sockaddr_in *)sa;

	if (sa->ss_family == AF_INET) {
		bytes[0] = 4;
		memcpy(bytes + 1, &four->sin_addr, 3);
		return 4;
	}
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		bytes[0] = 4;
		memcpy(bytes + 1, six->sin6_addr.s6_addr + 12, 3);
		return 4;
	}
	bytes[0] = 6;
	memcpy(bytes + 1, six->sin6_addr.s6_addr, 8);
	return 9;
}

static bool
is_exempt(const struct guard *g, const struct sockaddr_storage *sa)
{
	const struct net_address address = {.sa = *sa};

	if (net_is_loopback(&address))
		return true;
	for (size_t i = 0; i < g->conf.n_exempt; i++) {
		if (net_network_has(&g->exempt[i], sa))
			return true;
	}
	return false;
}

static struct keys
make_keys(const struct guard *g, const struct guard_login *l)
{
	char bytes[NETWORK_MAX];
	struct str network = {0};
	struct net_network n;
	struct keys k = {0};
	struct fault f;

	if (l->client.len > 0 && net_parse_network(l->client, &n, &f) == 0) {
		network = str_n(bytes, network_bytes(&n.base, bytes));
		k.has_network = !is_exempt(g, &n.base);
	}
	digest(g, l->user, STR_LIT(""), k.account, TALLY_KEY);
	digest(g, STR_LIT(""), network, k.network, TALLY_KEY);
	digest(g, l->user, network, k.pair, TALLY_KEY);
	if (l->proof.len > 0)
		digest(g, l->user, l->proof, &k.proof, sizeof k.proof);
	return k;
}

/* Counting. */

static bool
is_locked(const struct tally_entry *e, int64_t now)
{
	return e != NULL && e->locked_until > now;
}

static bool
is_repeat(const struct tally_entry *e, uint64_t proof)
{
	for (unsigned i = 0; proof != 0 && i < TALLY_PROOFS; i++) {
		if (e->proofs[i] == proof)
			return true;
	}
	return false;
}

static void
forget_failures(struct tally_entry *e)
{
	e->failures = 0;
	memset(e->proofs, 0, sizeof e->proofs);
}

static struct tally_entry *
touch(const struct guard *g, struct tally *t, const uint8_t key[TALLY_KEY],
    int64_t now)
{
	struct tally_entry *e = tally_touch(t, key);

	if (now - e->last > g->conf.lock_ms)
		forget_failures(e);
	return e;
}

static bool
is_over(const struct guard *g, const struct tally_entry *e)
{
	return g->conf.lock_failures > 0 &&
	       e->failures >= g->conf.lock_failures;
}

/* True where this one is the last that is allowed. */
static bool
count(const struct guard *g, struct tally_entry *e, int64_t now)
{
	e->failures++;
	e->last = now;
	if (!is_over(g, e))
		return false;
	forget_failures(e);
	e->locked_until = now + g->conf.lock_ms;
	return true;
}

static int64_t
delay_of(const struct guard *g, unsigned failures)
{
	int64_t delay = 0;

	if (failures >= 2)
		delay = (int64_t)FIRST_DELAY_MS
			<< (failures < 12 ? failures - 2 : 10);
	return delay < g->conf.delay_ms ? delay : g->conf.delay_ms;
}

/* Only the pair's own: neither does the user's slip of the finger count for
 * all the world, nor the world's guesses for the user. */
static void
fail_known(const struct guard *g, struct tally_entry *pair, uint64_t proof,
    struct guard_verdict *v)
{
	if (!is_repeat(pair, proof)) {
		pair->failures++;
		pair->proofs[pair->n_proofs++ % TALLY_PROOFS] = proof;
	}
	v->delay = delay_of(g, pair->failures);
}

static void
fail_unknown(
    struct guard *g, const struct keys *k, int64_t now, struct guard_verdict *v)
{
	struct tally_entry *a = touch(g, g->accounts, k->account, now);
	struct tally_entry *n = NULL;
	bool repeat = is_repeat(a, k->proof);
	unsigned failures;

	if (!repeat) {
		a->proofs[a->n_proofs++ % TALLY_PROOFS] = k->proof;
		v->locks_account = count(g, a, now);
	}
	failures = a->failures;
	if (k->has_network) {
		n = touch(g, g->networks, k->network, now);
		if (!repeat)
			v->locks_network = count(g, n, now);
		if (n->failures > failures)
			failures = n->failures;
	}
	v->delay = v->locks_account || v->locks_network ? g->conf.delay_ms
							: delay_of(g, failures);
}

/* A pair that has failed too often is not known any more. */
static struct tally_entry *
find_known(struct guard *g, const struct keys *k, int64_t now)
{
	struct tally_entry *e = tally_find(g->known, k->pair);

	return e == NULL || now - e->last > known_ms || is_over(g, e) ? NULL
								      : e;
}

static void
note_success(struct guard *g, const struct keys *k, int64_t now)
{
	struct tally_entry *e = tally_touch(g->known, k->pair);

	forget_failures(e);
	e->last = now;
}

static void
judge(struct guard *g, const struct guard_login *l, const struct keys *k,
    int64_t now, struct guard_verdict *v)
{
	struct tally_entry *pair = find_known(g, k, now);

	v->is_locked =
	    pair == NULL && !l->is_strong &&
	    (is_locked(tally_find(g->accounts, k->account), now) ||
		(k->has_network &&
		    is_locked(tally_find(g->networks, k->network), now)));
	if (v->is_locked)
		v->delay = g->conf.delay_ms;
	else if (l->is_right)
		note_success(g, k, now);
	else if (pair != NULL)
		fail_known(g, pair, k->proof, v);
	else
		fail_unknown(g, k, now, v);
}

struct guard_verdict
guard_judge(struct guard *g, const struct guard_login *login, int64_t now)
{
	struct guard_verdict v = {0};
	struct keys k = make_keys(g, login);

	pthread_mutex_lock(&g->mutex);
	judge(g, login, &k, now, &v);
	pthread_mutex_unlock(&g->mutex);
	return v;
}

/* The operator. */

static bool
lift(
    struct guard *g, struct tally *t, const uint8_t key[TALLY_KEY], int64_t now)
{
	struct tally_entry *e;
	bool locked;

	pthread_mutex_lock(&g->mutex);
	e = tally_find(t, key);
	locked = is_locked(e, now);
	if (e != NULL) {
		forget_failures(e);
		e->locked_until = 0;
	}
	pthread_mutex_unlock(&g->mutex);
	return locked;
}

bool
guard_lift_account(struct guard *g, struct str user, int64_t now)
{
	const struct guard_login l = {.user = user};
	struct keys k = make_keys(g, &l);

	return lift(g, g->accounts, k.account, now);
}

bool
guard_lift_network(struct guard *g, struct str client, int64_t now)
{
	const struct guard_login l = {.client = client};
	struct keys k = make_keys(g, &l);

	return lift(g, g->networks, k.network, now);
}

/* Delays. */

bool
guard_begin_delay(struct guard *g)
{
	if (atomic_fetch_add(&g->delays, 1) < g->conf.delays)
		return true;
	atomic_fetch_sub(&g->delays, 1);
	return false;
}

void
guard_end_delay(struct guard *g)
{
	atomic_fetch_sub(&g->delays, 1);
}
