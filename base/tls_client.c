/* SPDX-License-Identifier: ISC */
/*
 * The client's side of TLS: proofs, and sessions that are resumed.
 *
 * Sessions are kept in a table of fixed size by a hash of the whole demand, so
 * that what was good enough for one is never taken for a stricter one. A session
 * of TLS 1.3 is used once (RFC 8446 C.4).
 */
#include "config.h"

#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/tls_private.h"

enum { PLACES = 512, KEY_MAX = 1 << 20 };

struct kept {
	uint8_t key[TLS_KEY_LEN];
	SSL_SESSION *session;
};

struct tls_client {
	SSL_CTX *ctx;
	atomic_uint users; /* its owner and each connection */
	pthread_mutex_t mutex;
	struct kept kept[PLACES];
};

static struct kept *
place_of(struct tls_client *client, const uint8_t key[TLS_KEY_LEN])
{
	return &client->kept[(key[0] << 8 | key[1]) % PLACES];
}

/* OpenSSL has a new session: 1 where its reference is taken over. */
static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls *tls = SSL_get_app_data(ssl);
	struct kept *kept = place_of(tls->client, tls->key);
	SSL_SESSION *old;

	pthread_mutex_lock(&tls->client->mutex);
	old = kept->session;
	kept->session = session;
	memcpy(kept->key, tls->key, sizeof kept->key);
	pthread_mutex_unlock(&tls->client->mutex);
	SSL_SESSION_free(old);
	return 1;
}

static void
resume_session(struct tls *tls)
{
	struct kept *kept = place_of(tls->client, tls->key);
	SSL_SESSION *session = NULL;

	pthread_mutex_lock(&tls->client->mutex);
	if (kept->session != NULL &&
	    memcmp(kept->key, tls->key, sizeof kept->key) == 0) {
		session = kept->session;
		if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
			kept->session = NULL;
		else
			SSL_SESSION_up_ref(session);
	}
	pthread_mutex_unlock(&tls->client->mutex);
	if (session == NULL)
		return;
	/* Where it is too old the handshake is a whole one. */
	(void)SSL_set_session(tls->ssl, session);
	SSL_SESSION_free(session);
}

static int
load_ca(struct tls_client *client, const char *ca_file, struct fault *f)
{
	if (ca_file == NULL) {
		if (SSL_CTX_set_default_verify_paths(client->ctx) == 1)
			return 0;
		return tls_fail_file(
		    f, "certificates of the system", "cannot read");
	}
	if (SSL_CTX_load_verify_locations(client->ctx, ca_file, NULL) == 1)
		return 0;
	return tls_fail_file(f, ca_file, "cannot read");
}

struct tls_client *
tls_client_new(const char *ca_file, struct fault *f)
{
	struct tls_client *client = mem_new(struct tls_client);

	atomic_init(&client->users, 1);
	pthread_mutex_init(&client->mutex, NULL);
	client->ctx = tls_new_ctx(TLS_client_method(), f);
	if (client->ctx == NULL || load_ca(client, ca_file, f) < 0) {
		tls_client_free(&client);
		return NULL;
	}
	SSL_CTX_set_session_cache_mode(
	    client->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client->ctx, keep_session);
	/* RFC 7672 3.1.1: with usage 3 neither names nor dates count. */
	SSL_CTX_dane_enable(client->ctx);
	SSL_CTX_dane_set_flags(client->ctx, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	return client;
}

void
tls_client_free(struct tls_client **client_at)
{
	struct tls_client *client = *client_at;

	*client_at = NULL;
	if (client == NULL || atomic_fetch_sub(&client->users, 1) > 1)
		return;
	for (size_t i = 0; i < PLACES; i++)
		SSL_SESSION_free(client->kept[i].session);
	SSL_CTX_free(client->ctx);
	pthread_mutex_destroy(&client->mutex);
	mem_free(client);
}

/* Fields with their lengths, so that no two demands look the same. */
static void
put_key(struct buf *b, const void *bytes, size_t len)
{
	buf_put(b, &len, sizeof len);
	buf_put(b, bytes, len);
}

static void
hash_demand(const struct tls_demand *d, uint8_t key[TLS_KEY_LEN])
{
	struct str name = str(d->name), also = str(d->also);
	struct buf b;

	buf_init(&b, KEY_MAX);
	put_key(&b, &d->proof, sizeof d->proof);
	put_key(&b, &d->is_lenient, sizeof d->is_lenient);
	put_key(&b, name.at, name.len);
	put_key(&b, also.at, also.len);
	for (size_t i = 0; i < d->n_tlsa; i++) {
		const struct tls_tlsa *t = &d->tlsa[i];
		const uint8_t kind[] = {t->usage, t->selector, t->matching};

		put_key(&b, kind, sizeof kind);
		put_key(&b, t->data.at, t->data.len);
	}
	crypto_sha256(buf_str(&b), key);
	buf_clear(&b);
}

static void
demand_name(struct tls *tls, const struct tls_demand *d)
{
	/* A client looks at what it does not insist on, too. */
	SSL_set_verify(
	    tls->ssl, d->is_lenient ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (d->name == NULL || SSL_set1_host(tls->ssl, d->name) != 1)
		die_bug("TLS: nothing to verify the peer by");
}

static void
demand_tlsa(struct tls *tls, const struct tls_demand *d)
{
	size_t usable = 0;

	if (d->name == NULL || SSL_dane_enable(tls->ssl, d->name) != 1)
		die_bug("DANE without a name");
	if (d->also != NULL)
		SSL_add1_host(tls->ssl, d->also);
	SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (size_t i = 0; i < d->n_tlsa; i++) {
		const struct tls_tlsa *t = &d->tlsa[i];

		/* RFC 7672 3.1.3: no authority outside of DNS is trusted. */
		if (t->usage != 2 && t->usage != 3)
			continue;
		usable += SSL_dane_tlsa_add(tls->ssl, t->usage, t->selector,
			      t->matching, (const unsigned char *)t->data.at,
			      t->data.len) == 1;
	}
	SSL_set_verify(
	    tls->ssl, usable > 0 ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
}

struct tls *
tls_connect(struct tls_client *client, int fd, const struct tls_demand *d)
{
	struct tls *tls = tls_new(client->ctx, fd);

	atomic_fetch_add(&client->users, 1);
	tls->client = client;
	SSL_set_app_data(tls->ssl, tls);
	if (d->proof == TLS_PROOF_NAME)
		demand_name(tls, d);
	else if (d->proof == TLS_PROOF_TLSA)
		demand_tlsa(tls, d);
	if (d->name != NULL)
		SSL_set_tlsext_host_name(tls->ssl, d->name);
	hash_demand(d, tls->key);
	resume_session(tls);
	return tls;
}

enum tls_flaw
tls_find_flaw(const struct tls *tls)
{
	switch (SSL_get_verify_result(tls->ssl)) {
	case X509_V_OK:
		return TLS_FLAW_NONE;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS_FLAW_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return TLS_FLAW_NAME;
	case X509_V_ERR_DANE_NO_MATCH:
		return TLS_FLAW_TLSA;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return TLS_FLAW_UNTRUSTED;
	default:
		return TLS_FLAW_OTHER;
	}
}
