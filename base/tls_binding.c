/* SPDX-License-Identifier: ISC */
/* Channel binding, for tls.h. */
#include "config.h"

#include <string.h>

#include "base/tls_private.h"

/* Two sessions of TLS 1.2 may share their secrets without it. */
static bool
is_own_session(SSL *ssl)
{
	return SSL_version(ssl) >= TLS1_3_VERSION ||
	       SSL_get_extms_support(ssl) == 1;
}

static size_t
get_exporter(SSL *ssl, unsigned char data[TLS_BINDING_MAX])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	const size_t len = 32;

	if (!is_own_session(ssl) ||
	    SSL_export_keying_material(
		ssl, data, len, label, sizeof label - 1, NULL, 0, 0) != 1)
		return 0;
	return len;
}

/* The first Finished: the client's, but where a session is resumed. */
static size_t
get_unique(const struct tls *tls, unsigned char data[TLS_BINDING_MAX])
{
	bool own = (tls->client != NULL) != (SSL_session_reused(tls->ssl) == 1);

	if (SSL_version(tls->ssl) >= TLS1_3_VERSION ||
	    !is_own_session(tls->ssl))
		return 0;
	return own ? SSL_get_finished(tls->ssl, data, TLS_BINDING_MAX)
		   : SSL_get_peer_finished(tls->ssl, data, TLS_BINDING_MAX);
}

/* RFC 5929 4.1: by the hash of its signature, SHA-256 in place of weak ones. */
static size_t
get_end_point(const struct tls *tls, unsigned char data[TLS_BINDING_MAX])
{
	const X509 *x = tls->client != NULL
			    ? SSL_get0_peer_certificate(tls->ssl)
			    : SSL_get_certificate(tls->ssl);
	const EVP_MD *md;
	unsigned len = 0;
	int hash = NID_undef;

	if (x == NULL ||
	    OBJ_find_sigid_algs(X509_get_signature_nid(x), &hash, NULL) != 1)
		return 0;
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	md = EVP_get_digestbynid(hash);
	if (md == NULL || X509_digest(x, md, data, &len) != 1)
		return 0;
	return len;
}

bool
tls_get_binding(struct tls *tls, const char *type, struct buf *data)
{
	unsigned char bytes[TLS_BINDING_MAX];
	size_t len = 0;

	if (!SSL_is_init_finished(tls->ssl))
		return false;
	if (strcmp(type, "tls-exporter") == 0)
		len = get_exporter(tls->ssl, bytes);
	else if (strcmp(type, "tls-unique") == 0)
		len = get_unique(tls, bytes);
	else if (strcmp(type, "tls-server-end-point") == 0)
		len = get_end_point(tls, bytes);
	if (len == 0 || len > sizeof bytes)
		return false;
	buf_put(data, bytes, len);
	return true;
}
