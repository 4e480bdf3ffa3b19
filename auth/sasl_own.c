/* SPDX-License-Identifier: ISC */
/*
 * The mechanisms that libsasl2 lacks on the server's side, or that are none of
 * its business: OAUTHBEARER, XOAUTH2 and EXTERNAL.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include "auth/access.h"
#include "auth/bearer.h"
#include "auth/directory.h"
#include "auth/sasl_private.h"
#include "auth/token.h"
#include "base/mem.h"

/* Written by sasl_open() only. */
static struct token_rules *token_rules;

void
sasl_own_open(struct token_rules *tokens)
{
	token_rules = tokens;
}

/* Tokens. */

enum sasl_result
sasl_own_admit(struct sasl_exchange *x, struct fault *f)
{
	struct directory_user user;
	const char *bar;
	int found = directory_user_get(x->directory, str(x->user), &user, f);

	x->is_strong = true;
	mem_wipe(user.hash, sizeof user.hash);
	if (found < 0)
		return EXCHANGE_TEMP;
	if (found == 0) {
		fault_perm(f, "5.7.8", "no such user");
		return EXCHANGE_FAILED;
	}
	bar = access_bar(&user, x->service, true);
	if (bar == NULL)
		return EXCHANGE_OK;
	fault_perm(f, "5.7.8", "%s", bar);
	return EXCHANGE_FAILED;
}

/* Whose token it is, who must exist and may log in to this. */
static enum sasl_result
admit(struct sasl_exchange *x, struct str owner, struct str wanted,
    struct fault *f)
{
	char key[NAME_SIZE];

	if (!name_key(owner, x->user)) {
		x->user[0] = '\0';
		fault_perm(f, "5.7.8", "it names no address");
		return EXCHANGE_FAILED;
	}
	if (wanted.len > 0 &&
	    (!name_key(wanted, key) || strcmp(key, x->user) != 0)) {
		fault_perm(f, "5.7.8", "it names another user");
		return EXCHANGE_FAILED;
	}
	return sasl_own_admit(x, f);
}

static enum sasl_result
check_token(struct sasl_exchange *x, struct str response, struct fault *f)
{
	bool oauth = str_is(str(x->mechanism->name), STR_LIT("OAUTHBEARER"));
	enum sasl_result result = EXCHANGE_FAILED;
	struct buf name, owner;
	struct bearer b;

	buf_init(&name, NAME_SIZE);
	buf_init(&owner, NAME_SIZE);
	/* Nobody can guess one. */
	x->is_strong = true;
	if (!(oauth ? bearer_parse_oauth(response, &b, &name)
		    : bearer_parse_xoauth2(response, &b)))
		fault_perm(f, "5.7.8", "no message of %s", x->mechanism->name);
	else if (token_check(
		     token_rules, b.token, (int64_t)time(NULL), &owner, f) == 0)
		result = admit(x, buf_str(&owner), b.user, f);
	else if (f->kind == FAULT_TEMP)
		result = EXCHANGE_TEMP;
	buf_clear(&name);
	buf_clear(&owner);
	return result;
}

/* The client is told that its token is no good, and has to say that it has
 * heard before the exchange fails. */
static enum sasl_result
step_bearer(struct sasl_exchange *x, bool first, struct str response,
    bool has_response, struct buf *challenge, struct fault *f)
{
	enum sasl_result result;

	if (x->is_refused) {
		*f = x->why;
		return EXCHANGE_FAILED;
	}
	/* The client speaks first. */
	if (first && !has_response)
		return EXCHANGE_CONTINUE;
	result = check_token(x, response, f);
	if (result != EXCHANGE_FAILED)
		return result;
	x->is_refused = true;
	x->why = *f;
	buf_puts(
	    challenge, str_is(str(x->mechanism->name), STR_LIT("OAUTHBEARER"))
			   ? bearer_oauth_failure
			   : bearer_xoauth2_failure);
	return EXCHANGE_CONTINUE;
}

/* RFC 4422 A: the response is whom the client wants to act for, or nothing. */
static enum sasl_result
step_external(struct sasl_exchange *x, bool first, struct str response,
    bool has_response, struct fault *f)
{
	if (first && !has_response)
		return EXCHANGE_CONTINUE;
	x->is_strong = true;
	if (x->certificate[0] == '\0') {
		fault_perm(f, "5.7.8", "no certificate that names a user");
		return EXCHANGE_FAILED;
	}
	return admit(x, str(x->certificate), response, f);
}

bool
sasl_own_begin(struct sasl_exchange *x, const char *mechanism)
{
	const struct mechanism *m = mechanism_find(str(mechanism));

	if (x->conn != NULL || x->mechanism != NULL || m == NULL ||
	    mechanism_is_librarys(m) || !sasl_offers(m))
		return false;
	x->mechanism = m;
	return true;
}

enum sasl_result
sasl_own_step(struct sasl_exchange *x, bool first, struct str response,
    bool has_response, struct buf *challenge, struct fault *f)
{
	return x->mechanism->bearer
		   ? step_bearer(x, first, response, has_response, challenge, f)
		   : step_external(x, first, response, has_response, f);
}
