/* SPDX-License-Identifier: ISC */
/* The rules, with a secret as the key; other kinds of keys are shown by
 * tests/system/auth_tokens.py, where somebody else signs. */
#include "config.h"

#include "auth/jwt.h"

#include <stdio.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/crypto_key.h"
#include "tests/unit/unit.h"

enum { NOW = 1700000000 };

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char hs256[] = "{\"alg\":\"HS256\"}";
static const char good[] = "{\"iss\":\"https://id.example\",\"aud\":\"mail\","
			   "\"email\":\"ann@example.org\",\"exp\":1700000100}";

static struct crypto_key *key;
static struct jwt_rules rules;
static struct buf token, user;

static void
set_up(void)
{
	char path[] = "/tmp/check-jwt-XXXXXX";
	struct fault f = {.text = ""};
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "%s\n", secret), 0);
	close(fd);
	key = crypto_key_read(path, &f);
	unlink(path);
	ck_assert_msg(key != NULL, "%s", f.text);
	rules = (struct jwt_rules){
	    .keys = &key,
	    .n_keys = 1,
	    .issuer = "https://id.example",
	    .audience = "mail",
	    .claim = "email",
	};
	buf_init(&token, 4096);
	buf_init(&user, 100);
}

static void
tear_down(void)
{
	crypto_key_free(&key);
	buf_clear(&token);
	buf_clear(&user);
}

static void
put_url64(struct str bytes)
{
	struct buf plain;

	buf_init(&plain, 4096);
	crypto_base64_put(&plain, bytes);
	for (const char *p = buf_text(&plain); *p != '\0' && *p != '='; p++)
		buf_putc(&token, *p == '+' ? '-' : *p == '/' ? '_' : *p);
	buf_clear(&plain);
}

static void
sign(const char *header, const char *claims)
{
	uint8_t mac[CRYPTO_SHA256_LEN];

	buf_reset(&token);
	put_url64(str(header));
	buf_putc(&token, '.');
	put_url64(str(claims));
	crypto_hmac_sha256(str(secret), buf_str(&token), mac);
	buf_putc(&token, '.');
	put_url64(str_n((const char *)mac, sizeof mac));
}

/* why: what the fault says; NULL: the token is ann's. */
static void
assert_token(const char *why)
{
	struct fault f = {.text = ""};
	int rc = jwt_check(&rules, buf_str(&token), NOW, &user, &f);

	if (why == NULL) {
		ck_assert_msg(rc == 0, "%s", f.text);
		ck_assert_str_eq(buf_text(&user), "ann@example.org");
		return;
	}
	ck_assert_int_eq(rc, -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_msg(strstr(f.text, why) != NULL, "%s", f.text);
}

static void
assert_claims(const char *claims, const char *why)
{
	sign(hs256, claims);
	assert_token(why);
}

START_TEST(a_good_token_names_its_user)
{
	set_up();
	assert_claims(good, NULL);
	assert_claims("{\"iss\":\"https://id.example\",\"exp\":1699999990,"
		      "\"nbf\":1700000010,\"aud\":[\"web\",\"mail\"],"
		      "\"email\":\"ann@example.org\",\"email_verified\":true}",
	    NULL);
	rules.issuer = rules.audience = NULL;
	rules.claim = "preferred_username";
	assert_claims("{\"preferred_username\":\"ann@example.org\","
		      "\"exp\":1700000100,\"email_verified\":false}",
	    NULL);
	tear_down();
}
END_TEST

START_TEST(what_a_token_says_is_checked)
{
	set_up();
	assert_claims("{\"iss\":\"https://other.example\",\"aud\":\"mail\","
		      "\"email\":\"ann@example.org\",\"exp\":1700000100}",
	    "issuer");
	assert_claims("{\"iss\":\"https://id.example\",\"aud\":[\"web\"],"
		      "\"email\":\"ann@example.org\",\"exp\":1700000100}",
	    "audience");
	assert_claims("{\"iss\":\"https://id.example\",\"aud\":\"mail\","
		      "\"email\":\"ann@example.org\",\"exp\":1699999900}",
	    "over");
	assert_claims("{\"iss\":\"https://id.example\",\"aud\":\"mail\","
		      "\"email\":\"ann@example.org\"}",
	    "no end");
	assert_claims("{\"iss\":\"https://id.example\",\"aud\":\"mail\","
		      "\"email\":\"ann@example.org\",\"exp\":1700000100,"
		      "\"nbf\":1700000090}",
	    "begun");
	assert_claims("{\"iss\":\"https://id.example\",\"aud\":\"mail\","
		      "\"email\":\"ann@example.org\",\"exp\":1700000100,"
		      "\"email_verified\":false}",
	    "not verified");
	assert_claims("{\"iss\":\"https://id.example\",\"aud\":\"mail\","
		      "\"exp\":1700000100}",
	    "no user");
	assert_claims("[]", "no JSON Web Token");
	tear_down();
}
END_TEST

START_TEST(a_signature_must_be_the_keys_own)
{
	static const char *const headers[] = {
	    "{\"alg\":\"none\"}",
	    "{\"alg\":\"RS256\"}",
	    "{\"alg\":\"ES256\"}",
	    "{\"alg\":\"hs256\"}",
	    "{}",
	    "{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}",
	};
	size_t len;

	set_up();
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		sign(headers[i], good);
		assert_token("none of the keys");
	}
	sign(hs256, good);
	len = buf_len(&token);
	buf_truncate(&token, len - 4);
	assert_token("none of the keys");
	buf_puts(&token, "AAAA");
	assert_token("none of the keys");
	sign(hs256, good);
	buf_truncate(&token, len - 43);
	assert_token("no JSON Web Token");
	sign(hs256, good);
	rules.n_keys = 0;
	assert_token("none of the keys");
	tear_down();
}
END_TEST

START_TEST(what_is_no_token_is_refused)
{
	static const char *const wrong[] = {"", ".", "..", "a.b.c", "e30.e30.",
	    "e30=.e30=.AAAA", "e30.e30.AA+/", "e30.e30.AAAA.AAAA"};

	set_up();
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		buf_reset(&token);
		buf_puts(&token, wrong[i]);
		assert_token("token: ");
	}
	buf_clear(&token);
	buf_init(&token, 2 * JWT_MAX);
	for (int i = 0; i <= JWT_MAX; i++)
		buf_putc(&token, 'A');
	assert_token("too long");
	tear_down();
}
END_TEST

UNIT_MAIN("jwt", a_good_token_names_its_user, what_a_token_says_is_checked,
    a_signature_must_be_the_keys_own, what_is_no_token_is_refused)
