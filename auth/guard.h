/* SPDX-License-Identifier: ISC */
/*
 * Who guesses passwords is slowed down, and then locked out for a while.
 *
 * Failures are counted for the account, whether there is one of that name or
 * not, and for the client's network (/24 of IPv4, /64 of IPv6). The answer to
 * each further one is delayed for longer; too many lock the account, or the
 * network, for a time in which even the right password is refused.
 *
 * That must not lock out the user: a network from which this user logged in
 * lately is known, and is locked only by its own failures for this user. And
 * the same wrong password again is no guess, but a program that was not told
 * of the new one: it is not counted.
 *
 * All is in memory, of a bounded size, and gone at the next start. Names,
 * addresses and passwords are kept as digests under a key of this process.
 * Safe from any thread.
 */
#ifndef AUTH_GUARD_H
#define AUTH_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/net.h"
#include "base/str.h"

struct guard;

struct guard_conf {
	unsigned lock_failures; /* 0: nothing is ever locked */
	int64_t lock_ms;        /* also how long failures are remembered */
	int64_t delay_ms;       /* the longest; 0: none */
	/* Networks of others' servers (a webmail), copied: not counted as
	 * networks, nor are loopback and clients without an address. */
	const struct net_network *exempt;
	size_t n_exempt;
	unsigned delays; /* at once; 0: 64 */
};

struct guard *guard_new(const struct guard_conf *conf) MUST_USE;
void guard_free(struct guard **guard);

struct guard_login {
	struct str user;   /* the name in key form, or what was given */
	struct str client; /* its address as text; empty: not known */
	struct str proof; /* what was sent as proof; empty: differs each time */
	bool is_right;
	/* It cannot have been guessed: no lock is for it. */
	bool is_strong;
};

struct guard_verdict {
	bool is_locked; /* the log-in is refused, right or not */
	int64_t delay;  /* ms, of the answer where it is refused */
	/* With this log-in the lock begins, for the log. */
	bool locks_account, locks_network;
};

/* What becomes of a log-in that was found right or wrong at `now`
 * (clock_ms()). */
struct guard_verdict guard_judge(
    struct guard *guard, const struct guard_login *login, int64_t now);

/*
 * Forgets the failures of an account (a name in key form) or of the network of
 * an address, and whether it is locked; true where it was.
 */
bool guard_lift_account(
    struct guard *guard, struct str user, int64_t now) MUST_USE;
bool guard_lift_network(
    struct guard *guard, struct str client, int64_t now) MUST_USE;

/* Only so many answers are delayed at once; where it is false the answer is
 * given without delay. */
bool guard_begin_delay(struct guard *guard) MUST_USE;
void guard_end_delay(struct guard *guard);

#endif
