/* SPDX-License-Identifier: ISC */
/* The section "smtpd" of the configuration file: posthouse-smtpd(8). */
#ifndef MTA_OPTIONS_H
#define MTA_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"

/* RCPTs of a message. The parts of a message are numbered by them, and their
 * numbers have an end: proto/ident.h, ident_sibling(). */
enum { SMTPD_RECIPIENTS_MAX = 8000 };

enum smtpd_protocol {
	SMTPD_SMTP,        /* relay in: port 25 */
	SMTPD_SUBMISSION,  /* 587: STARTTLS, AUTH needed */
	SMTPD_SUBMISSIONS, /* 465: TLS from the first byte, AUTH needed */
	SMTPD_LOCAL,       /* a unix socket: users of this machine */
};

/* One `listen "ADDRESS" { protocol = … }`. */
struct listen_options {
	const char *title;     /* the address */
	int protocol;          /* enum smtpd_protocol */
	bool auth_without_tls; /* only on a loopback address */
	const char *where;     /* "FILE:LINE" */
};

struct smtpd_options {
	const char *user;               /* NULL: stays who it is */
	struct conf_sections listeners; /* struct listen_options */

	/* Peers: socket addresses; NULL: the socket below run_dir. */
	const char *socketmap;
	const char *auth;
	const char *lmtp;
	const char
	    *transport_map; /* where mailboxes are; NULL: all are lmtp's */
	const char *queue;  /* "none": nothing is taken for elsewhere */
	const char *quota_status; /* "none": nobody is asked for room */
	const char *spool_dir;    /* for bodies over 256 KiB */

	/* Rules. */
	struct conf_list relay_from;    /* networks, see mta/smtpd/trust.h */
	struct conf_list relay_domains; /* we are a backup MX of these */
	const char *relay_recipients;   /* socketmap that knows theirs; NULL:
					 * all are taken */
	struct conf_list etrn_domains;  /* may be asked for; none:
					* relay_domains */
	struct conf_list etrn_from;     /* networks that may ask */
	bool relay_after_login;
	bool sender_check;              /* the sender must be the user's */
	bool from_check;                /* and From, and Sender */
	const char *postmaster;         /* gets <postmaster>; NULL:
					 * postmaster@hostname */
	const char *local_domain;       /* of users of this machine; NULL:
					 * hostname */
	struct conf_list trusted_users; /* of them: may use any sender */

	/* Limits; those that say so may be 0 for none. */
	uint64_t threads;
	uint64_t max_sessions;            /* 0: none */
	uint64_t max_sessions_per_client; /* 0: none */
	uint64_t max_size;                /* bytes; 0: none */
	uint64_t max_header_size;         /* bytes; 0: none */
	uint64_t max_hops;
	uint64_t max_recipients;
	uint64_t max_errors;
	uint64_t max_commands; /* 0: none */
	uint64_t max_auth_failures;

	/* Milliseconds. */
	uint64_t command_timeout;
	uint64_t data_timeout;
	uint64_t delivery_timeout;
	uint64_t lookup_timeout;
	uint64_t auth_timeout;
	uint64_t quota_cache;
	uint64_t lookup_cache;
	const char *templates; /* a folder; NULL: built in */
};

extern const struct conf_table smtpd_table;

bool smtpd_has_queue(const struct smtpd_options *o);
bool smtpd_asks_quota(const struct smtpd_options *o);

/* The domains that ETRN may name. */
const struct conf_list *smtpd_etrn_domains(const struct smtpd_options *o);

/* The first listener for users of this machine; NULL: there is none. */
const char *smtpd_local_socket(const struct smtpd_options *o);

/* As it is written in the configuration. */
const char *smtpd_protocol_name(enum smtpd_protocol protocol);

#endif
