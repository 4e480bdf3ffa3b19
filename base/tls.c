/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's SSL part behind base/tls.h: the server, and what both ends share.
 *
 * A server's certificates are one set, counted by its users and replaced as a
 * whole: a reload never leaves a mixture, and a handshake under way keeps the
 * set it began with (SSL holds its SSL_CTX).
 */
#include "config.h"

#include "base/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/tls_private.h"

/* TLS 1.2's ciphers: forward secrecy and authenticated encryption. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL"

struct pair {
	struct tls_certificate files; /* our copies */
	SSL_CTX *ctx;
};

struct tls_server {
	size_t n;
	pthread_rwlock_t lock; /* of the ctx members */
	char *client_ca;       /* NULL: clients are not asked */
	struct pair pairs[];
};

const char *
tls_complaint(char *text, size_t size)
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);

	if (code == 0)
		snprintf(text, size, "unknown reason");
	else if (reason != NULL)
		snprintf(text, size, "%s", reason);
	else
		ERR_error_string_n(code, text, size);
	ERR_clear_error();
	return text;
}

int
tls_fail_file(struct fault *f, const char *path, const char *what)
{
	char why[160];

	return fault_perm(f, "5.3.5", "%s: %s: %s", path, what,
	    tls_complaint(why, sizeof why));
}

SSL_CTX *
tls_new_ctx(const SSL_METHOD *method, struct fault *f)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	char why[160];

	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1) {
		fault_perm(
		    f, "5.3.5", "OpenSSL: %s", tls_complaint(why, sizeof why));
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION |
				     SSL_OP_NO_RENEGOTIATION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Parked sessions keep no 32 KiB of record buffers. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}

static void
warn_expired(SSL_CTX *ctx, const char *path)
{
	const X509 *x = SSL_CTX_get0_certificate(ctx);

	if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
		log_warn(NULL, "certificate has expired", "file", path, NULL);
}

/* Instead of asking for it at the terminal, which a daemon has not. */
static int
refuse_password(char *text, int size, int writing, void *ctx)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

/* Nobody is turned away for the certificate; what is wrong with it stays to be
 * asked for. */
static int
take_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int
load_authorities(SSL_CTX *ctx, const char *path, struct fault *f)
{
	STACK_OF(X509_NAME) * names;

	if (access(path, R_OK) < 0)
		return fault_errno(f, "%s", path);
	names = SSL_load_client_CA_file(path);
	if (names == NULL || SSL_CTX_load_verify_file(ctx, path) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		tls_fail_file(f, path, "no certificates of authorities");
		return -1;
	}
	/* Takes them. */
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any);
	return 0;
}

static int
load_pair(const struct tls_server *server, const struct tls_certificate *files,
    SSL_CTX **out, struct fault *f)
{
	SSL_CTX *ctx = tls_new_ctx(TLS_server_method(), f);

	if (ctx == NULL)
		return -1;
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(ctx, refuse_password);
	if (access(files->chain, R_OK) < 0)
		fault_errno(f, "%s", files->chain);
	else if (access(files->key, R_OK) < 0)
		fault_errno(f, "%s", files->key);
	else if (SSL_CTX_use_certificate_chain_file(ctx, files->chain) != 1)
		tls_fail_file(f, files->chain, "no certificate chain");
	else if (SSL_CTX_use_PrivateKey_file(
		     ctx, files->key, SSL_FILETYPE_PEM) != 1)
		tls_fail_file(f, files->key, "no key for the certificate");
	else if (SSL_CTX_check_private_key(ctx) != 1)
		tls_fail_file(f, files->key, "no key for the certificate");
	else if (server->client_ca == NULL ||
		 load_authorities(ctx, server->client_ca, f) == 0) {
		SSL_CTX_set_dh_auto(ctx, 1);
		SSL_CTX_set_session_id_context(
		    ctx, (const unsigned char *)"posthouse", 9);
		/* Tickets serve resumption; a cache would only grow. */
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		warn_expired(ctx, files->chain);
		*out = ctx;
		return 0;
	}
	SSL_CTX_free(ctx);
	return -1;
}

/* SNI (RFC 6066 3). A name that no certificate has gets the first: mail
 * clients that look up MX records seldom know our name. */
static int
choose_certificate(SSL *ssl, int *alert, void *ctx)
{
	struct tls_server *server = ctx;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	pthread_rwlock_rdlock(&server->lock);
	for (size_t i = 0; i < server->n; i++) {
		X509 *x = SSL_CTX_get0_certificate(server->pairs[i].ctx);

		if (X509_check_host(x, name, 0, 0, NULL) == 1) {
			SSL_set_SSL_CTX(ssl, server->pairs[i].ctx);
			break;
		}
	}
	pthread_rwlock_unlock(&server->lock);
	return SSL_TLSEXT_ERR_OK;
}

static int
load_all(struct tls_server *server, SSL_CTX **fresh, struct fault *f)
{
	for (size_t i = 0; i < server->n; i++) {
		if (load_pair(server, &server->pairs[i].files, &fresh[i], f) <
		    0) {
			while (i-- > 0)
				SSL_CTX_free(fresh[i]);
			return -1;
		}
		SSL_CTX_set_tlsext_servername_callback(
		    fresh[i], choose_certificate);
		SSL_CTX_set_tlsext_servername_arg(fresh[i], server);
	}
	return 0;
}

int
tls_server_reload(struct tls_server *server, struct fault *f)
{
	SSL_CTX **fresh = mem_zeroed(server->n, sizeof(SSL_CTX *));
	int rc = load_all(server, fresh, f);

	if (rc == 0) {
		pthread_rwlock_wrlock(&server->lock);
		for (size_t i = 0; i < server->n; i++) {
			SSL_CTX_free(server->pairs[i].ctx);
			server->pairs[i].ctx = fresh[i];
		}
		pthread_rwlock_unlock(&server->lock);
	}
	mem_free(fresh);
	return rc;
}

struct tls_server *
tls_server_new(
    const struct tls_certificate *certificates, size_t n, struct fault *f)
{
	struct tls_server *server;

	if (n == 0) {
		fault_perm(f, "5.3.5", "TLS without a certificate");
		return NULL;
	}
	server = mem_zeroed(1, sizeof *server + n * sizeof server->pairs[0]);
	server->n = n;
	pthread_rwlock_init(&server->lock, NULL);
	for (size_t i = 0; i < n; i++) {
		server->pairs[i].files.chain = mem_dup(certificates[i].chain);
		server->pairs[i].files.key = mem_dup(certificates[i].key);
	}
	if (tls_server_reload(server, f) < 0)
		tls_server_free(&server);
	return server;
}

int
tls_server_ask_clients(
    struct tls_server *server, const char *ca_file, struct fault *f)
{
	server->client_ca = mem_dup(ca_file);
	return tls_server_reload(server, f);
}

void
tls_server_free(struct tls_server **server)
{
	struct tls_server *s = *server;

	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++) {
		SSL_CTX_free(s->pairs[i].ctx);
		mem_free((char *)(uintptr_t)s->pairs[i].files.chain);
		mem_free((char *)(uintptr_t)s->pairs[i].files.key);
	}
	pthread_rwlock_destroy(&s->lock);
	mem_free(s->client_ca);
	mem_free(s);
	*server = NULL;
}

struct tls *
tls_new(SSL_CTX *ctx, int fd)
{
	struct tls *tls = mem_new(struct tls);

	tls->ssl = SSL_new(ctx);
	if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1)
		die(EX_OSERR, "posthouse: OpenSSL: no memory");
	return tls;
}

struct tls *
tls_accept(struct tls_server *server, int fd)
{
	struct tls *tls;

	pthread_rwlock_rdlock(&server->lock);
	tls = tls_new(server->pairs[0].ctx, fd);
	pthread_rwlock_unlock(&server->lock);
	return tls;
}

static enum tls_result
failed(struct tls *tls, const char *what, struct fault *f)
{
	long verdict = SSL_get_verify_result(tls->ssl);
	char why[160];

	tls->broken = true;
	if (SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE &&
	    verdict != X509_V_OK)
		snprintf(why, sizeof why, "%s",
		    X509_verify_cert_error_string(verdict));
	else
		tls_complaint(why, sizeof why);
	ERR_clear_error();
	fault_temp(f, "4.7.5", "TLS: %s: %s", what, why);
	return TLS_FAILED;
}

static enum tls_result
result(struct tls *tls, int rc, const char *what, struct fault *f)
{
	switch (SSL_get_error(tls->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_EOF;
	case SSL_ERROR_SYSCALL:
		tls->broken = true;
		ERR_clear_error();
		return TLS_EOF;
	default:
		break;
	}
	/* Many peers hang up without a word: that is an end, not a fault. */
	if (ERR_GET_REASON(ERR_peek_error()) ==
	    SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		tls->broken = true;
		ERR_clear_error();
		return TLS_EOF;
	}
	return failed(tls, what, f);
}

enum tls_result
tls_handshake(struct tls *tls, struct fault *f)
{
	int rc;

	ERR_clear_error();
	rc = tls->client != NULL ? SSL_connect(tls->ssl) : SSL_accept(tls->ssl);
	return rc == 1 ? TLS_OK : result(tls, rc, "handshake", f);
}

enum tls_result
tls_read(
    struct tls *tls, void *bytes, size_t size, size_t *got, struct fault *f)
{
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(tls->ssl, bytes, size, got);
	return rc == 1 ? TLS_OK : result(tls, rc, "read", f);
}

enum tls_result
tls_write(struct tls *tls, const void *bytes, size_t len, size_t *put,
    struct fault *f)
{
	int rc;

	ERR_clear_error();
	rc = SSL_write_ex(tls->ssl, bytes, len, put);
	return rc == 1 ? TLS_OK : result(tls, rc, "write", f);
}

bool
tls_has_pending(struct tls *tls)
{
	return SSL_pending(tls->ssl) > 0;
}

/* The first address in the certificate, if there is one: RFC 5280 4.2.1.6. */
static void
get_client(SSL *ssl, char *text, size_t size)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	STACK_OF(OPENSSL_STRING) *all = x == NULL ? NULL : X509_get1_email(x);

	if (all != NULL && sk_OPENSSL_STRING_num(all) > 0 &&
	    !str_copy(str(sk_OPENSSL_STRING_value(all, 0)), text, size))
		text[0] = '\0';
	X509_email_free(all);
}

void
tls_get_info(struct tls *tls, struct tls_info *info)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
	const char *name =
	    SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);

	memset(info, 0, sizeof *info);
	snprintf(info->version, sizeof info->version, "%s",
	    SSL_get_version(tls->ssl));
	snprintf(info->cipher, sizeof info->cipher, "%s",
	    SSL_CIPHER_get_name(cipher));
	info->bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL);
	info->is_resumed = SSL_session_reused(tls->ssl) == 1;
	info->is_verified = tls->client != NULL &&
			    SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE &&
			    SSL_get_verify_result(tls->ssl) == X509_V_OK;
	snprintf(info->sni, sizeof info->sni, "%s", name != NULL ? name : "");
	if (tls->client == NULL && SSL_get_verify_result(tls->ssl) == X509_V_OK)
		get_client(tls->ssl, info->client, sizeof info->client);
}

void
tls_free(struct tls **tls)
{
	if (*tls == NULL)
		return;
	ERR_clear_error();
	if (!(*tls)->broken && SSL_is_init_finished((*tls)->ssl))
		(void)SSL_shutdown((*tls)->ssl);
	ERR_clear_error();
	SSL_free((*tls)->ssl);
	tls_client_free(&(*tls)->client);
	mem_free(*tls);
	*tls = NULL;
}
