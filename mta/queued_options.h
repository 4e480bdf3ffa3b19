/* SPDX-License-Identifier: ISC */
/* The section "queued" of the configuration file: posthouse-queued(8). */
#ifndef MTA_QUEUED_OPTIONS_H
#define MTA_QUEUED_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"

/* One `route "KEY" { … }`; see mta/send/route.h for the order. */
struct route_options {
	const char *title; /* "user@example.org", "example.org", ".example.org"
			    * or "*" */
	bool by_sender;    /* KEY is compared with the reverse-path */
	const char *to;    /* "mx[:DOMAIN]", "smtp:HOST[:PORT]", "lmtp:ADDRESS",
			 * "error:5.1.2 TEXT", "discard"; NULL: as if the
			 * route were not there, but for its tls */
	int tls;           /* enum route_tls, +1; 0: the default */
	bool implicit_tls;
	const char *user;          /* SASL PLAIN; NULL: none */
	const char *password_file; /* holds the password, and nothing else */
	const char *where;         /* "FILE:LINE" of the section */
};

/* One `provider "NAME" { … }`; see mta/queue/limit.h. */
struct provider_options {
	const char *title;    /* "example.com", a next hop, or "*" */
	uint64_t concurrency; /* 0: no limit */
	const char *rate;     /* "20/min"; NULL: no limit */
	uint64_t gap;         /* ms */
};

struct queued_options {
	const char *user;               /* NULL: stays who it is */
	const char *listen;             /* NULL: queue.sock in run_dir */
	const char *listen_mode;        /* of the unix socket */
	const char *listen_group;       /* NULL: none */
	struct conf_list trusted_users; /* may hand over; else root and ours */

	/* Peers: socket addresses; NULL: the socket below run_dir. */
	const char *socketmap;
	const char *lmtp;
	const char *transport_map; /* socketmap with the map `transport`; NULL:
				    * none */

	/* Routes. */
	struct conf_sections routes;  /* struct route_options */
	const char *smarthost;        /* "HOST[:PORT]"; NULL: MX */
	int tls;                      /* enum route_tls: the default */
	const char *ca_file;          /* NULL: the system's */
	const char *dns_server;       /* "127.0.0.1@53"; NULL: resolv.conf */
	const char *dns_trust_anchor; /* a file; NULL: Debian's */
	bool dnssec;                  /* validate; off where the resolver
				       * cannot */
	uint64_t smtp_port;           /* of MX hosts */
	bool mta_sts;                 /* obey policies of MTA-STS */
	const char *https_via;        /* where HTTPS goes; NULL: to each host */
	uint64_t connect_timeout;     /* ms */
	uint64_t reply_timeout;       /* ms */

	/* TLS reports. */
	bool tls_reports;
	const char *tls_report_from;         /* needed where they are on */
	const char *tls_report_organization; /* NULL: the domain of from */
	const char *tls_report_contact;      /* NULL: from */

	/* The queue. */
	uint64_t cache;    /* bytes */
	uint64_t min_free; /* bytes */
	uint64_t max_size; /* bytes of a message; 0: none */
	uint64_t max_hops; /* Received fields; 0: none */

	/* The scheduler; milliseconds where they are times. */
	uint64_t threads;
	uint64_t max_deliveries;
	uint64_t hop_start;
	uint64_t hop_max;
	uint64_t max_rcpts;
	struct conf_sections providers; /* struct provider_options */
	uint64_t retry_min;
	uint64_t retry_max;
	uint64_t max_age;
	const char *user_rate; /* "500/h"; NULL: no limit */
	uint64_t warn_after;   /* 0: no delay notices */

	/* Notices. */
	const char *postmaster; /* NULL: postmaster@hostname */
	const char *templates;  /* a folder; NULL: built in */
};

extern const struct conf_table queued_table;

#endif
