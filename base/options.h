/* SPDX-License-Identifier: ISC */
/* Options that all daemons share: those outside of sections, and "tls". */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/log.h"

struct common_options {
	const char *hostname;    /* our name in greetings and trace headers;
				 * default: the machine's */
	const char *state_dir;   /* directory/ queue/ index/ live here */
	const char *run_dir;     /* sockets and locks */
	const char *admin_group; /* may use the control sockets; NULL:
					 * root and the daemon's user */
	int log_target;          /* enum log_target */
	int log_level;           /* enum log_level */
	bool journal;            /* keep events for "posthouse trace" */
	uint64_t journal_days;
	uint64_t journal_size; /* bytes, of each daemon */
};

/* One `certificate "name" { chain = … key = … }`; the title is only a name. */
struct certificate_options {
	const char *title;
	const char *chain;
	const char *key;
};

struct tls_options {
	struct conf_sections certificates; /* struct certificate_options */
	const char *client_ca;             /* NULL: clients are not asked */
};

extern const struct conf_table common_table;
extern const struct conf_table tls_table;

#endif
