/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/opening.h"

#include "base/log.h"

/* STARTTLS as far as it is wanted. */
static int
encrypt(const struct opening *o, struct wire *wire, enum route_tls level,
    struct opening_tls *tls, struct fault *f)
{
	bool offered = (wire_peer(wire)->extensions & EXT_STARTTLS) != 0;
	int rc;

	if (level == ROUTE_TLS_NONE)
		return 0;
	tls->was_tried = true;
	tls->not_offered = !offered;
	if (!offered && level == ROUTE_TLS_MAY)
		return 0;
	if (!offered)
		return fault_temp(f, "4.7.10",
		    "TLS is required, and %s does not offer it", o->host);
	rc = wire_starttls(wire, o->tls, &o->policy->demand, f);
	tls->failed = rc < 0;
	tls->not_offered = rc > 0;
	tls->flaw = wire_tls_flaw(wire);
	/* Refused: the session may go on in the clear. */
	if (rc == 1 && level == ROUTE_TLS_MAY)
		return 0;
	return rc == 0 ? 0 : -1;
}

static int
encrypt_first(const struct opening *o, struct wire *wire,
    struct opening_tls *tls, struct fault *f)
{
	int rc = wire_tls_first(wire, o->tls, &o->policy->demand, f);

	tls->was_tried = true;
	tls->failed = rc < 0;
	tls->flaw = wire_tls_flaw(wire);
	return rc;
}

static int
authenticate(const struct opening *o, struct wire *wire, struct fault *f)
{
	const struct route *route = o->route;

	if (route->user == NULL ||
	    wire_auth(wire, route->user, route->password, f) == 0)
		return 0;
	log_warn(NULL, "authentication to the next hop failed", "host", o->host,
	    "dsn", f->dsn, "reason", f->text, NULL);
	return -1;
}

static int
open_session(const struct opening *o, struct wire *wire, enum route_tls level,
    struct opening_tls *tls, struct fault *f)
{
	if (o->route->implicit_tls) {
		if (encrypt_first(o, wire, tls, f) < 0 ||
		    wire_greet(wire, f) < 0)
			return -1;
	} else if (wire_greet(wire, f) < 0 ||
		   encrypt(o, wire, level, tls, f) < 0) {
		return -1;
	}
	return authenticate(o, wire, f);
}

static struct wire *
try(const struct opening *o, int fd, enum route_tls level,
    struct opening_tls *tls, struct fault *f)
{
	struct wire *wire = wire_new(fd, &o->wire);

	memset(tls, 0, sizeof *tls);
	buf_reset(o->words);
	if (open_session(o, wire, level, tls, f) < 0) {
		buf_put_str(o->words, wire_last_words(wire));
		wire_free(&wire);
	}
	return wire;
}

static int
connect_again(
    const struct opening *o, const struct net_address *address, struct fault *f)
{
	struct connect c = *o->connect;
	struct net_address reached;

	c.addresses[0] = *address;
	c.n = 1;
	c.next = 0;
	return connect_next(&c, &reached, f);
}

struct wire *
opening_run(const struct opening *o, int fd, const struct net_address *address,
    struct opening_tls *tls, struct fault *f)
{
	enum route_tls level = o->policy->level;
	struct opening_tls ignored;
	struct wire *wire;

	if (level == ROUTE_TLS_MAY &&
	    tls_broken_is_known(o->broken, o->address))
		level = ROUTE_TLS_NONE;
	wire = try(o, fd, level, tls, f);
	if (wire != NULL || !tls->failed || level != ROUTE_TLS_MAY)
		return wire;
	log_info(NULL, "TLS failed, sending in the clear", "host", o->host,
	    "address", o->address, "reason", f->text, NULL);
	tls_broken_note(o->broken, o->address);
	buf_reset(o->words);
	fd = connect_again(o, address, f);
	return fd < 0 ? NULL : try(o, fd, ROUTE_TLS_NONE, &ignored, f);
}
