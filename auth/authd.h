/* SPDX-License-Identifier: ISC */
/* What all sessions of posthouse-authd share; constant but for the counters. */
#ifndef AUTH_AUTHD_H
#define AUTH_AUTHD_H

#include <stdatomic.h>

#include "auth/home.h"
#include "auth/options.h"

struct directory;
struct guard;
struct recent_logins;

struct authd_counters {
	atomic_uint_fast64_t connections;
	atomic_uint_fast64_t lookups;        /* each of these is one of four: */
	atomic_uint_fast64_t lookups_found;  /* OK */
	atomic_uint_fast64_t lookups_failed; /* TEMP or PERM; else NOTFOUND */
	atomic_uint_fast64_t logins;
	atomic_uint_fast64_t logins_refused;
	atomic_uint_fast64_t logins_locked; /* of those refused */
	atomic_uint_fast64_t logins_failed; /* temporarily */
};

struct authd {
	const struct authd_options *options;
	struct directory *directory;
	struct guard *guard;
	struct recent_logins *recent;
	struct homes homes;
	atomic_uint connection; /* number of the last of the auth protocol */
	struct authd_counters counters;
};

#endif
