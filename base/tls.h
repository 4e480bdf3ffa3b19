/* SPDX-License-Identifier: ISC */
/*
 * Certificates and the two ends of TLS. The only files that include OpenSSL's
 * SSL part are tls.c, tls_binding.c and tls_client.c.
 *
 * TLS 1.2 or later, no compression, no renegotiation, forward secrecy only.
 * A tls_server or tls_client may be replaced while sessions use the old one:
 * each session keeps what it began with.
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct tls_server;
struct tls_client;
struct tls; /* one connection */

struct tls_certificate {
	const char *chain; /* PEM file: certificate, then intermediates */
	const char *key;   /* PEM file */
};

/*
 * Reads all certificates. The first serves clients that send no server name or
 * an unknown one; the others by the names inside them (SNI, wildcards). A file
 * that is missing, a key that does not match or has a password, are faults that
 * name the file; a certificate that has expired is a warning in the log.
 */
struct tls_server *tls_server_new(const struct tls_certificate *certificates,
    size_t n, struct fault *f) MUST_USE;
/* From now on clients are asked for a certificate. One that an authority in the
 * file has signed for clients shows in tls_info who it is; any other counts as
 * none. A fault names the file. Before connections are made. */
int tls_server_ask_clients(
    struct tls_server *server, const char *ca_file, struct fault *f) MUST_USE;
/* Reads the same files again: new connections get the new certificates. On a
 * fault the old ones stay in use. Safe while connections are made. */
int tls_server_reload(struct tls_server *server, struct fault *f) MUST_USE;
void tls_server_free(struct tls_server **server);

/* ca_file: whom TLS_PROOF_NAME trusts; NULL: the system's. Keeps sessions, a few
 * hundred of them, for resumption (RFC 8446 2.2). */
struct tls_client *tls_client_new(
    const char *ca_file, struct fault *f) MUST_USE;
void tls_client_free(struct tls_client **client);

/* By what a server proves who it is. */
enum tls_proof {
	TLS_PROOF_NONE, /* encryption only */
	TLS_PROOF_NAME, /* a certificate for the name, by the CA file */
	TLS_PROOF_TLSA, /* DANE (RFC 6698) for SMTP (RFC 7672): usage 2 with
			 * one of the names, or 3 with any; nothing else counts.
			 * Where no record is usable: as TLS_PROOF_NONE */
};
struct tls_tlsa {
	uint8_t usage, selector, matching;
	struct str data;
};
/* All is borrowed for the call. A session is resumed only for the very same
 * demand. */
struct tls_demand {
	enum tls_proof proof;
	bool is_lenient;  /* TLS_PROOF_NAME: who proves nothing is taken all the
			  * same, and the flaw is told */
	const char *name; /* for SNI, and to be proven; NULL: none */
	const char *also; /* TLS_PROOF_TLSA: this name will do as well; NULL */
	const struct tls_tlsa *tlsa;
	size_t n_tlsa;
};

/* What is wrong with a server's proof. */
enum tls_flaw {
	TLS_FLAW_NONE,
	TLS_FLAW_EXPIRED,   /* or not yet valid */
	TLS_FLAW_NAME,      /* the certificate is another's */
	TLS_FLAW_UNTRUSTED, /* nobody who is trusted has signed it */
	TLS_FLAW_TLSA,      /* no TLSA record has it */
	TLS_FLAW_OTHER,
};

struct tls_info {
	char version[16]; /* "TLSv1.3" */
	char cipher[48];  /* "TLS_AES_256_GCM_SHA384" */
	unsigned bits;
	char sni[256];    /* "" where the client sent none */
	char client[256]; /* the address in a client's certificate that was
			   * verified; "": none */
	bool is_verified; /* the server has proved who it is, as demanded */
	bool is_resumed;
};

/* For io.c. The descriptor is non-blocking; the calls say what to wait for. */
enum tls_result {
	TLS_OK,
	TLS_WANT_READ,
	TLS_WANT_WRITE,
	TLS_EOF,    /* the peer closed, properly or not */
	TLS_FAILED, /* fault is filled */
};
struct tls *tls_accept(struct tls_server *server, int fd) MUST_USE;
struct tls *tls_connect(struct tls_client *client, int fd,
    const struct tls_demand *demand) MUST_USE;
enum tls_result tls_handshake(struct tls *tls, struct fault *f);
enum tls_result tls_read(
    struct tls *tls, void *bytes, size_t size, size_t *got, struct fault *f);
enum tls_result tls_write(struct tls *tls, const void *bytes, size_t len,
    size_t *put, struct fault *f);
/* Bytes that were decrypted and not yet read: poll() does not know of them. */
bool tls_has_pending(struct tls *tls);
void tls_get_info(struct tls *tls, struct tls_info *info);
/*
 * What identifies this connection, or its server's certificate, for channel
 * binding: "tls-exporter" (RFC 9266), "tls-unique" or "tls-server-end-point"
 * (RFC 5929). False where it is another kind, or one that would prove nothing:
 * tls-unique from TLS 1.3 on, and both of the connection's kinds without the
 * extended master secret before it (RFC 7627).
 */
enum { TLS_BINDING_MAX = 64 };
bool tls_get_binding(
    struct tls *tls, const char *type, struct buf *data) MUST_USE;
/* Of a server whose proof was looked at, also where the handshake has failed. */
enum tls_flaw tls_find_flaw(const struct tls *tls);
/* Says close_notify as far as that does not block. */
void tls_free(struct tls **tls);

#endif
