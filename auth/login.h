/* SPDX-License-Identifier: ISC */
/*
 * One log-in, whatever door it comes by: the SASL exchange, what the guard says
 * to its end, the counters, and the line in the log.
 */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/authd.h"
#include "auth/sasl.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"

/* What the asking server has told, and the log shows. Filled in by the session
 * before the first step; "" where it has not. */
struct login {
	char mechanism[24], service[24], session[64];
	char client[64]; /* its address */
	/* A certificate of the client's was verified, and names somebody. */
	bool has_certificate;
	char certificate[256];

	struct authd *authd;
	const struct log_ctx *log;
	struct sasl_exchange *exchange;
	bool is_proven; /* the client has yet to see the last message */
};

/* Borrows both. */
struct login *login_new(
    struct authd *authd, const struct log_ctx *log) MUST_USE;
void login_free(struct login **login);

/* The head of text, as much as fits. */
void login_put(struct str text, char *to, size_t size);

/*
 * The next step of the exchange; the first one begins login->mechanism. At its
 * end *delay says for how long (ms) a refusal is to be kept back; login is of no
 * more use but for login_user().
 */
enum sasl_result login_step(struct login *login, bool first,
    struct str response, bool has_response, struct buf *challenge,
    int64_t *delay) MUST_USE;

/* The whole log-in of those who have name and password. */
enum sasl_result login_check(struct login *login, struct str user,
    struct str password, int64_t *delay) MUST_USE;

/* As sasl_exchange_user(). */
const char *login_user(const struct login *login);

#endif
