/* SPDX-License-Identifier: ISC */
/* A socketmap server for a test's own maps: peer_start(&peer, serve_maps,
 * entries), the entries ended by a NULL map. What they lack is not found. */
#ifndef TESTS_UNIT_MTA_MAPS_H
#define TESTS_UNIT_MTA_MAPS_H

#include <stdatomic.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/netstring.h"
#include "proto/socketmap.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

struct map_entry {
	const char *map, *key;
	enum socketmap_status status;
	const char *value;
};

static atomic_uint maps_asked; /* so often */

static inline void
put_map_answer(const struct map_entry *entries, struct str map, struct str key,
    struct buf *out)
{
	for (const struct map_entry *e = entries; e->map != NULL; e++)
		if (str_is(map, str(e->map)) && str_is(key, str(e->key))) {
			socketmap_put_reply(out, e->status, str(e->value));
			return;
		}
	socketmap_put_reply(out, SOCKETMAP_NOTFOUND, str(""));
}

static inline void
serve_maps(struct peer *peer, FILE *in, FILE *out)
{
	struct buf b, reply;
	int c;

	buf_init(&b, SOCKETMAP_QUERY_MAX);
	buf_init(&reply, SOCKETMAP_REPLY_MAX);
	while ((c = getc(in)) != EOF) {
		struct str payload, map, key;
		size_t used;

		buf_putc(&b, (char)c);
		if (netstring_take(buf_str(&b), SOCKETMAP_QUERY_MAX, &payload,
			&used) != NETSTRING_OK)
			continue;
		ck_assert(socketmap_parse_query(payload, &map, &key));
		atomic_fetch_add(&maps_asked, 1);
		put_map_answer(peer->ctx, map, key, &reply);
		fwrite(buf_text(&reply), 1, buf_len(&reply), out);
		fflush(out);
		buf_reset(&reply);
		buf_reset(&b);
	}
	buf_clear(&b);
	buf_clear(&reply);
}

#endif
