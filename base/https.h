/* SPDX-License-Identifier: ISC */
/*
 * The door to HTTPS (libcurl): short documents, fetched or sent, beside the
 * threads that work; the only file that includes libcurl is https.c. A server must prove its name by a certificate (PKIX), TLS
 * is 1.2 or later, no redirect is followed, no proxy is asked, and nothing is
 * kept: neither connections nor cookies.
 */
#ifndef BASE_HTTPS_H
#define BASE_HTTPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	HTTPS_HOST_SIZE = 256,
	HTTPS_WAITING_MAX = 1000, /* requests at once */
	HTTPS_ADDRESSES_MAX = 10, /* of a host that are looked at */
};

struct https;
struct net_address;

/*
 * The addresses of a host, at most HTTPS_ADDRESSES_MAX: their number, or -1 and
 * a temporary fault. Ports do not count. On the thread that asks; may block.
 */
typedef int https_resolve_call(void *ctx, const char *host, int64_t deadline,
    struct net_address *addresses, struct fault *f);

struct https_conf {
	https_resolve_call *resolve; /* NULL: the system's resolver */
	void *resolve_ctx;           /* borrowed */
	const char *ca_file;         /* whom to trust; NULL: the system's */
	/* "192.0.2.1:443": where all connections go, whatever the host; NULL:
	 * to the host's addresses. */
	const char *via;
	int64_t limit_ms;  /* for a request as a whole; 0: 60 s */
	size_t answer_max; /* bytes; longer answers are faults; 0: 64 KiB */
};

/* Makes a thread. Texts are copied. */
struct https *https_new(
    const struct https_conf *conf, struct fault *f) MUST_USE;
/* Ends what is under way: done() is called for each, and nothing can be begun
 * any more. */
void https_stop(struct https *https);
/* Stops it, where that was not done. No call may be under way. */
void https_free(struct https **https);

enum https_result {
	HTTPS_OK,        /* 2xx */
	HTTPS_FAILED,    /* not reached, in time; or another status */
	HTTPS_UNTRUSTED, /* the server has not proved its name */
};

/* Lives for the call of done(). */
struct https_answer {
	enum https_result result;
	struct str type; /* Content-Type as it came; "": none */
	struct str body;
	const struct fault *fault; /* where not HTTPS_OK; temporary */
};

/* All but ctx is copied. */
struct https_request {
	const char *url;  /* "https://host[:port]/path" */
	int64_t deadline; /* clock_ms(), for DNS */
	struct str post;  /* at NULL: GET */
	const char *type; /* of what is posted */
	/* Who asks (RFC 7617); NULL: nobody in particular. */
	const char *user, *password;
	/* Once, on the thread of https; must not block. */
	void (*done)(void *ctx, const struct https_answer *answer);
	void *ctx;
};

/* Blocks for names, where there is a `resolve`. -1, and done() is not called: no URL of HTTPS (permanent,
 * 5.5.4), no address (4.4.3, 4.4.4), or too many requests wait (4.3.2). */
int https_begin(struct https *https, const struct https_request *request,
    struct fault *f) MUST_USE;

/* The host of a URL, and its port. False for what is no URL of HTTPS, or names
 * a user. */
bool https_take_host(
    const char *url, char host[HTTPS_HOST_SIZE], uint16_t *port) MUST_USE;

#endif
