/* SPDX-License-Identifier: ISC */
/* The section "lmtpd" of the configuration file: posthouse-lmtpd(8). */
#ifndef LMTP_OPTIONS_H
#define LMTP_OPTIONS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/conf.h"

enum lmtpd_directory {
	LMTPD_SOCKETMAP, /* mailboxes are looked up */
	LMTPD_NONE,      /* any mailbox in `domains` is taken */
};

enum lmtpd_quota_full {
	LMTPD_QUOTA_LATER, /* a full mailbox: 452 4.2.2 */
	LMTPD_QUOTA_NEVER, /* 552 5.2.2 */
};

struct lmtpd_options {
	const char *user;         /* NULL: stays who it is */
	struct conf_list listen;  /* empty: lmtp.sock below run_dir */
	const char *socket_mode;  /* octal, for unix sockets */
	const char *socket_group; /* NULL: not changed */

	const char *root;        /* NULL: mail below state_dir */
	const char *index_dir;   /* NULL: index below state_dir */
	uint64_t index_cache;    /* bytes */
	uint64_t watches;        /* directories; 0: none */
	uint64_t look_interval;  /* ms */
	int commit;              /* enum store_commit */
	struct conf_list expire; /* rules: store/expire_rules.h */
	const char *expire_at;   /* "03:30" */
	uint64_t keep_removed;   /* ms */
	const char *separator;   /* of the sub-address; "": none */

	int directory;         /* enum lmtpd_directory */
	const char *socketmap; /* NULL: socketmap.sock in run_dir */
	const char *node;      /* our name among several; NULL: we are alone */
	struct conf_list domains;
	struct conf_list trusted; /* networks and users: XFORWARD */

	bool quota;                      /* the directory's limits hold */
	int quota_full;                  /* enum lmtpd_quota_full */
	uint64_t quota_grace;            /* bytes */
	bool quota_trash;                /* counts */
	struct conf_list quota_status;   /* empty: quota.sock below run_dir */
	struct conf_list quota_warnings; /* percent, see warning.h */
	const char *templates;           /* a folder; NULL: built in */

	uint64_t threads;
	uint64_t max_sessions; /* 0: none */
	uint64_t max_size;     /* bytes; 0: none */
	uint64_t max_recipients;
	uint64_t max_errors;

	/* Milliseconds. */
	uint64_t command_timeout;
	uint64_t data_timeout;
	uint64_t lookup_timeout;
	uint64_t lookup_cache;
};

extern const struct conf_table lmtpd_table;

/* Without a directory nobody has a quota. */
bool lmtpd_has_quotas(const struct lmtpd_options *o);

#endif
