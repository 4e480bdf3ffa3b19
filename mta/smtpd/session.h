/* SPDX-License-Identifier: ISC */
/*
 * One SMTP connection: the engine (proto/smtp_server.h) between a socket and
 * the policy. While it is parked it has no buffers, so that thousands of idle
 * clients cost little.
 */
#ifndef MTA_SMTPD_SESSION_H
#define MTA_SMTPD_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/net.h"
#include "base/server.h"
#include "mta/options.h"
#include "mta/smtpd/domains.h"
#include "mta/smtpd/local.h"
#include "mta/smtpd/message.h"
#include "proto/address.h"
#include "proto/ident.h"
#include "proto/smtp_server.h"

struct auth_client;
struct auth_exchange;
struct delivery;
struct conf;
struct lmtp_pool;
struct nodes;
struct quota_asker;
struct notes;
struct repeats;
struct socketmap_client;
struct templates;
struct tls_server;

struct smtpd_counters {
	atomic_ullong connections, messages, refused, deferred, auth_failures;
	atomic_uint bodies; /* being held now */
};

/* What all sessions share; made by smtpd_main.c, and not changed but for the
 * counters. */
struct smtpd {
	const struct smtpd_options *options;
	const char *hostname;
	struct tls_server *tls; /* NULL: no TLS */
	/* For listeners of users, who are asked for a certificate. NULL: tls */
	struct tls_server *tls_users;
	struct auth_client *auth;
	struct loop *loop; /* where its answers are waited for */
	struct socketmap_client *directory;
	struct lmtp_pool *lmtp;
	struct nodes *nodes;       /* NULL: all mailboxes are lmtpd's */
	struct quota_asker *quota; /* NULL: nobody is asked for room */
	struct lmtp_pool *queue;   /* NULL: there is none */
	struct repeats *repeats;
	struct templates *templates; /* of notifications about lists */
	struct address postmaster;
	struct net_network *trusted;
	size_t n_trusted;
	struct local_rules local;
	struct domains relay_domains, etrn_domains;
	struct socketmap_client *relay_recipients; /* NULL: all are taken */
	struct net_network *etrn_from;
	size_t n_etrn_from;
	struct net_address queue_address;
	struct smtpd_counters counters;
	/* For explain.c. */
	const struct conf *conf;
	struct smtpd_listener *listeners;
	size_t n_listeners;
};

/* The service of server_listen(). */
struct smtpd_listener {
	struct smtpd *smtpd;
	const struct listen_options *options;
	enum smtpd_protocol protocol;
	bool auth_without_tls;
	struct tls_server *tls; /* NULL: no TLS */
	struct smtp_server_conf engine;
};

/* For session.c and its policy. */
struct smtpd_session {
	struct smtpd_listener *listener;
	struct smtpd *smtpd;     /* the listener's */
	struct session *session; /* NULL: one that is only played */
	const struct net_peer *peer;
	struct smtp_server *engine; /* NULL until TLS stands, where TLS
					 * begins with the connection */
	struct buf in, out;
	char id[IDENT_SESSION_SIZE];
	struct log_ctx log;
	struct local_user *local; /* NULL: none of this machine */
	struct notes *notes;      /* NULL: the session is a real one */
	bool trusted;             /* from a network of relay_from, or after a
				   * log-in from its address */
	bool asked_login;         /* whether there was one */
	char mechanisms[256];     /* that are offered */
	bool hang_up;             /* too many failed log-ins */
	unsigned auth_failures;
	char mechanism[24];             /* of the AUTH that is under way */
	struct auth_exchange *exchange; /* NULL: none under way */
	bool is_proving;                /* its answer is waited for */
	struct message *message;        /* NULL outside a transaction */
	struct delivery *delivery;      /* NULL: none is under way */
	struct buf *words;              /* of its answer */
	/* Of the MAIL or RCPT that was just refused, for the log; NULL: none. */
	char *refused_from, *refused_to;
	unsigned messages; /* that were taken */
	int64_t since;
	int64_t handshake_ends; /* clock_ms(); 0: none is under way */
	int64_t idle_ends;      /* of the wait for a command; 0: not set yet */
};

/* Who the mail is from: the login, or the user of this machine; empty: nobody
 * knows. */
struct str smtpd_session_user(
    const struct smtpd_session *s, const struct smtp_state *st);

/* For ports where TLS comes by STARTTLS, or with the connection. */
extern const struct session_ops smtpd_session_ops;
extern const struct session_ops smtpd_session_tls_ops;

#endif
