/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/token.h"

#include <pthread.h>

#include "auth/introspect.h"
#include "auth/jwt.h"
#include "base/crypto_key.h"
#include "base/mem.h"

/* What the files have. */
struct keys {
	struct crypto_key **keys;
	size_t n;
};

struct token_rules {
	const struct authd_options *options;
	struct introspect *introspect; /* NULL: tokens are checked by keys */
	pthread_rwlock_t lock;         /* guards keys */
	struct keys keys;
};

static void
free_keys(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		crypto_key_free(&k->keys[i]);
	mem_free(k->keys);
	*k = (struct keys){0};
}

static int
read_keys(const struct conf_list *files, struct keys *k, struct fault *f)
{
	struct fault why;

	k->keys = mem_zeroed(files->n + 1, sizeof *k->keys);
	for (k->n = 0; k->n < files->n; k->n++) {
		k->keys[k->n] = crypto_key_read(files->items[k->n], &why);
		if (k->keys[k->n] == NULL) {
			free_keys(k);
			return fault_perm(
			    f, "5.3.5", "oauth_keys: %s", why.text);
		}
	}
	return 0;
}

static struct jwt_rules
claims_of(const struct authd_options *o)
{
	return (struct jwt_rules){
	    .issuer = o->oauth_issuer,
	    .audience = o->oauth_audience,
	    .claim = o->oauth_claim,
	};
}

struct token_rules *
token_rules_new(const struct authd_options *o, struct fault *f)
{
	struct token_rules *r = mem_new(struct token_rules);
	const struct introspect_conf conf = {
	    .url = o->oauth_introspection,
	    .client = o->oauth_client,
	    .secret_file = o->oauth_client_secret,
	    .ca_file = o->oauth_ca_file,
	    .timeout_ms = (int64_t)o->oauth_timeout,
	    .cache_ms = (int64_t)o->oauth_cache,
	    .at_once = (unsigned)(o->threads + 3) / 4,
	    .claims = claims_of(o),
	};
	int rc;

	r->options = o;
	pthread_rwlock_init(&r->lock, NULL);
	rc = read_keys(&o->oauth_keys, &r->keys, f);
	if (rc == 0 && o->oauth_introspection != NULL) {
		r->introspect = introspect_new(&conf, f);
		rc = r->introspect != NULL ? 0 : -1;
	}
	if (rc < 0)
		token_rules_free(&r);
	return r;
}

int
token_rules_start(struct token_rules *r, struct fault *f)
{
	return r->introspect != NULL ? introspect_start(r->introspect, f) : 0;
}

int
token_rules_reload(struct token_rules *r, struct fault *f)
{
	struct keys fresh, old;

	if (r->introspect != NULL && introspect_reload(r->introspect, f) < 0)
		return -1;
	if (read_keys(&r->options->oauth_keys, &fresh, f) < 0)
		return -1;
	pthread_rwlock_wrlock(&r->lock);
	old = r->keys;
	r->keys = fresh;
	pthread_rwlock_unlock(&r->lock);
	free_keys(&old);
	return 0;
}

void
token_rules_free(struct token_rules **rules)
{
	struct token_rules *r = *rules;

	if (r == NULL)
		return;
	introspect_free(&r->introspect);
	free_keys(&r->keys);
	pthread_rwlock_destroy(&r->lock);
	mem_free(r);
	*rules = NULL;
}

int
token_check(struct token_rules *r, struct str token, int64_t now,
    struct buf *user, struct fault *f)
{
	struct jwt_rules rules = claims_of(r->options);
	int rc;

	if (r->introspect != NULL)
		return introspect_check(r->introspect, token, now, user, f);
	pthread_rwlock_rdlock(&r->lock);
	rules.keys = r->keys.keys;
	rules.n_keys = r->keys.n;
	rc = jwt_check(&rules, token, now, user, f);
	pthread_rwlock_unlock(&r->lock);
	return rc;
}
