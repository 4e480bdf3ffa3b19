/* SPDX-License-Identifier: ISC */
/* Senders of forwarded mail, there and back. */
#include "config.h"

#include "auth/srs.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"

enum {
	HASH_LEN = 6, /* thirty bits */
	TIME_LEN = 2,
	DAYS = 1024, /* what the time counts up to */
	TEXT_MAX = 1024,
};

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static void
put_hash(const uint8_t secret[SRS_SECRET_LEN], struct str text,
    char hash[HASH_LEN + 1])
{
	uint8_t mac[CRYPTO_SHA256_LEN];
	char lower[TEXT_MAX];
	size_t n = text.len < sizeof lower ? text.len : sizeof lower;

	for (size_t i = 0; i < n; i++) {
		char c = text.at[i];

		lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	crypto_hmac_sha256(
	    str_n((const char *)secret, SRS_SECRET_LEN), str_n(lower, n), mac);
	for (size_t i = 0; i < HASH_LEN; i++)
		hash[i] = digits[mac[i] % 32];
	hash[HASH_LEN] = '\0';
}

static bool
has_hash(const uint8_t secret[SRS_SECRET_LEN], struct str hash, struct str text)
{
	char right[HASH_LEN + 1], given[HASH_LEN];

	if (hash.len != HASH_LEN)
		return false;
	for (size_t i = 0; i < HASH_LEN; i++) {
		char c = hash.at[i];

		given[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	put_hash(secret, text, right);
	return crypto_is_equal(str_n(given, HASH_LEN), str(right));
}

/* "SRS0=" and its like; others use "+" or "-" as the first separator. */
static bool
has_tag(struct str local, char number)
{
	return local.len > 5 &&
	       str_is_nocase(str_head(local, 3), STR_LIT("SRS")) &&
	       local.at[3] == number &&
	       (local.at[4] == '=' || local.at[4] == '+' || local.at[4] == '-');
}

bool
srs_is_rewritten(struct str local)
{
	return has_tag(local, '0') || has_tag(local, '1');
}

/* What stands behind the hash. */
static void
put_rest(const struct address *sender, int64_t day, struct buf *rest)
{
	struct str local = str(sender->local), domain;

	if (has_tag(local, '0')) {
		buf_putf(rest, "%s=", sender->domain);
		buf_put_str(rest, str_from(local, 4));
		return;
	}
	if (has_tag(local, '1')) {
		/* The first host's address stays; only the hash is new. */
		local = str_from(local, 5);
		(void)str_cut(&local, '=');
		domain = str_cut(&local, '=');
		buf_put_str(rest, domain);
		buf_putc(rest, '=');
		buf_put_str(rest, local);
		return;
	}
	buf_putf(rest, "%c%c=%s=%s", digits[day % DAYS / 32], digits[day % 32],
	    sender->domain, sender->local);
}

bool
srs_forward(const uint8_t secret[SRS_SECRET_LEN], const struct address *sender,
    const char *domain, int64_t day, struct address *rewritten)
{
	char hash[HASH_LEN + 1];
	struct fault ignored;
	struct buf rest, text;
	bool ok = false;

	if (sender->host != ADDRESS_DOMAIN)
		return false;
	buf_init(&rest, TEXT_MAX);
	buf_init(&text, TEXT_MAX);
	put_rest(sender, day, &rest);
	put_hash(secret, buf_str(&rest), hash);
	*rewritten = *sender;
	buf_putf(&text, "SRS%c=%s=",
	    has_tag(str(sender->local), '0') || has_tag(str(sender->local), '1')
		? '1'
		: '0',
	    hash);
	buf_put_str(&text, buf_str(&rest));
	if (str_copy(
		buf_str(&text), rewritten->local, sizeof rewritten->local) &&
	    str_copy(
		str(domain), rewritten->domain, sizeof rewritten->domain)) {
		char whole[ADDRESS_TEXT_SIZE];
		struct address again;

		/* Whatever must be quoted may be too long then. */
		address_format(rewritten, whole);
		ok = address_parse(str(whole), &again, &ignored) == 0;
	}
	buf_clear(&rest);
	buf_clear(&text);
	return ok;
}

static int
not_made_here(struct fault *f)
{
	return fault_perm(f, "5.1.1", "no forwarded sender has this address");
}

static bool
is_fresh(struct str text, int64_t day)
{
	int64_t then = 0;

	if (text.len != TIME_LEN)
		return false;
	for (size_t i = 0; i < TIME_LEN; i++) {
		char c = text.at[i];
		const char *at;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		at = c == '\0' ? NULL : strchr(digits, c);
		if (at == NULL)
			return false;
		then = then * 32 + (at - digits);
	}
	return (day - then + DAYS) % DAYS <= SRS_DAYS;
}

static int
take_address(struct str local, struct str domain, struct address *sender,
    struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address made = {.host = ADDRESS_DOMAIN};

	if (!str_copy(local, made.local, sizeof made.local) ||
	    !str_copy(domain, made.domain, sizeof made.domain))
		return not_made_here(f);
	address_format(&made, text);
	return address_parse(str(text), sender, f) < 0 ? not_made_here(f) : 0;
}

int
srs_reverse(const uint8_t secret[SRS_SECRET_LEN], struct str local, int64_t day,
    struct address *sender, struct fault *f)
{
	char original[ADDRESS_LOCAL_MAX + 8];
	struct str rest, hash, domain, time;
	bool is_second = has_tag(local, '1');

	if (!srs_is_rewritten(local))
		return not_made_here(f);
	rest = str_from(local, 5);
	hash = str_cut(&rest, '=');
	if (!has_hash(secret, hash, rest))
		return not_made_here(f);
	if (is_second) {
		domain = str_cut(&rest, '=');
		snprintf(original, sizeof original, "SRS0%.*s",
		    STR_ARG(str_head(rest, ADDRESS_LOCAL_MAX)));
		return take_address(str(original), domain, sender, f);
	}
	time = str_cut(&rest, '=');
	domain = str_cut(&rest, '=');
	if (!is_fresh(time, day))
		return fault_perm(f, "5.1.1",
		    "the address of this forwarded sender has "
		    "expired");
	return take_address(rest, domain, sender, f);
}
