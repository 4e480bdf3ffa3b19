/* SPDX-License-Identifier: ISC */
/*
 * Look-ups over a socket, as Sendmail and Postfix do them: netstring "map key"
 * one way, netstring "OK value", "NOTFOUND ", "TEMP why", "TIMEOUT why" or
 * "PERM why" the other.
 *
 * The codec for the server, and a client that pools connections and keeps for
 * some seconds what was found (not what was not: a new user works at once).
 */
#ifndef PROTO_SOCKETMAP_H
#define PROTO_SOCKETMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/net.h"
#include "base/str.h"

enum {
	SOCKETMAP_QUERY_MAX = 10000,
	SOCKETMAP_REPLY_MAX = 100000,
};

enum socketmap_status {
	SOCKETMAP_OK,
	SOCKETMAP_NOTFOUND,
	SOCKETMAP_TEMP, /* TEMP and TIMEOUT */
	SOCKETMAP_PERM,
};

/* For the server. False where the payload is no "map key". */
bool socketmap_parse_query(
    struct str payload, struct str *map, struct str *key) MUST_USE;
/* Appends the whole netstring. */
void socketmap_put_reply(
    struct buf *out, enum socketmap_status status, struct str text);

struct socketmap_client;

struct socketmap_client_conf {
	struct net_address address;
	int64_t timeout_ms;   /* for one look-up, connecting included */
	int64_t cache_ms;     /* how long found answers are kept; 0: not */
	size_t cache_entries; /* at most */
	/* What this one map has not is kept too, for so long, and told by
	 * socketmap_is_missing() only; NULL: none. */
	const char *missing_map;
	int64_t missing_ms;
};

/* May be used by many threads at once. */
struct socketmap_client *socketmap_client_new(
    const struct socketmap_client_conf *conf) MUST_USE;
void socketmap_client_free(struct socketmap_client **client);

/*
 * One look-up; blocks. 1 with *value replaced, 0 where it is not found, -1
 * with a fault (TEMP, TIMEOUT, no connection, nonsense: temporary 4.3.0 or
 * 4.4.3; PERM: permanent 5.3.0, text from the server). A pooled
 * connection that turns out dead is replaced once without a fault.
 */
int socketmap_look_up(struct socketmap_client *client, const char *map,
    struct str key, struct buf *value, struct fault *f) MUST_USE;

/* Whether it is remembered that missing_map has no such key; asks nobody. For
 * those with many messages to the same place, whom it does no harm to be told
 * of a new key a fraction of a second late. */
bool socketmap_is_missing(
    struct socketmap_client *client, struct str key) MUST_USE;

#endif
