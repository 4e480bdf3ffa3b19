/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/jwt.h"

#include <string.h>

#include "base/crypto.h"
#include "base/crypto_key.h"
#include "base/json.h"

enum { CLOCKS_DIFFER = 60 }; /* seconds */

static int
bad(struct fault *f, const char *why)
{
	return fault_perm(f, "5.7.8", "token: %s", why);
}

/* RFC 7515 2: base64url without padding. */
static bool
decode(struct str text, struct buf *bytes)
{
	struct buf plain;
	bool ok;

	buf_init(&plain, JWT_MAX + 4);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		/* The other alphabet is not taken for this one. */
		if (c == '+' || c == '/' || c == '=')
			c = '\n';
		buf_putc(&plain, c == '-' ? '+' : c == '_' ? '/' : c);
	}
	while (buf_len(&plain) % 4 != 0)
		buf_putc(&plain, '=');
	ok = crypto_base64_take(bytes, buf_str(&plain));
	buf_clear(&plain);
	return ok;
}

/* NULL where it is no object. */
static json_t *
decode_object(struct str text)
{
	struct fault ignored;
	json_t *object = NULL;
	struct buf bytes;

	buf_init(&bytes, JWT_MAX);
	if (decode(text, &bytes))
		object = json_parse(buf_str(&bytes), &ignored);
	buf_clear(&bytes);
	if (object != NULL && !json_is_object(object))
		json_free(&object);
	return object;
}

static bool
is_signed(const struct jwt_rules *rules, const json_t *header, struct str bytes,
    struct str signature)
{
	const char *algorithm = json_get_text(header, "alg");
	struct buf raw;
	bool ok = false;

	/* RFC 7515 4.1.11: what must be understood, and is not. */
	if (algorithm == NULL || json_get(header, "crit") != NULL)
		return false;
	buf_init(&raw, JWT_MAX);
	if (decode(signature, &raw))
		for (size_t i = 0; !ok && i < rules->n_keys; i++)
			ok = crypto_key_verify(rules->keys[i], str(algorithm),
			    bytes, buf_str(&raw));
	buf_clear(&raw);
	return ok;
}

static bool
is_for(const json_t *claims, const char *audience)
{
	const json_t *list = json_get(claims, "aud");
	const char *one = json_get_text(claims, "aud");

	if (one != NULL)
		return strcmp(one, audience) == 0;
	for (size_t i = 0; list != NULL && i < json_len(list); i++) {
		const char *text = json_text(json_at(list, i));

		if (text != NULL && strcmp(text, audience) == 0)
			return true;
	}
	return false;
}

static int
check_times(const json_t *claims, int64_t now, struct fault *f)
{
	int64_t ends = json_get_int(claims, "exp", 0);
	int64_t begins = json_get_int(claims, "nbf", 0);

	if (ends != 0 && now - CLOCKS_DIFFER > ends)
		return bad(f, "its time is over");
	if (begins > now + CLOCKS_DIFFER)
		return bad(f, "its time has not begun");
	return 0;
}

int
jwt_check_claims(const struct jwt_rules *rules, const json_t *claims,
    int64_t now, struct buf *user, struct fault *f)
{
	const char *issuer = json_get_text(claims, "iss");
	const char *name = json_get_text(claims, rules->claim);

	if (rules->issuer != NULL &&
	    (issuer == NULL || strcmp(issuer, rules->issuer) != 0))
		return bad(f, "another issuer");
	if (rules->audience != NULL && !is_for(claims, rules->audience))
		return bad(f, "for another audience");
	if (check_times(claims, now, f) < 0)
		return -1;
	if (strcmp(rules->claim, "email") == 0 &&
	    !json_get_bool(claims, "email_verified", true))
		return bad(f, "its address is not verified");
	if (name == NULL || name[0] == '\0')
		return bad(f, "it names no user");
	buf_puts(user, name);
	return buf_is_full(user) ? bad(f, "its user's name is too long") : 0;
}

int
jwt_check(const struct jwt_rules *rules, struct str token, int64_t now,
    struct buf *user, struct fault *f)
{
	struct str rest = token, head = str_cut(&rest, '.');
	struct str body = str_cut(&rest, '.');
	struct str bytes = str_head(token, head.len + 1 + body.len);
	json_t *header, *claims;
	int rc;

	buf_reset(user);
	if (token.len > JWT_MAX)
		return bad(f, "too long");
	header = decode_object(head);
	claims = decode_object(body);
	if (header == NULL || claims == NULL || rest.len == 0)
		rc = bad(f, "no JSON Web Token");
	else if (!is_signed(rules, header, bytes, rest))
		rc = bad(f, "signed by none of the keys");
	else if (json_get_int(claims, "exp", 0) <= 0)
		rc = bad(f, "it has no end");
	else
		rc = jwt_check_claims(rules, claims, now, user, f);
	json_free(&header);
	json_free(&claims);
	return rc;
}
