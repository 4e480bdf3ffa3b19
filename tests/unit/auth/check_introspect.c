/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/introspect.h"

#include "base/clock.h"
#include "tests/unit/base/web.h"

enum { NOW = 1700000000 };

static struct introspect *asks;
static struct buf user;
static struct fault f;
static char url[80], secret_file[80];

static void
write_secret(const char *text)
{
	FILE *file = fopen(secret_file, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void
set_up_for(const char *says, int64_t timeout_ms, int64_t cache_ms)
{
	struct introspect_conf conf = {
	    .url = url,
	    .client = "mail server",
	    .secret_file = secret_file,
	    .timeout_ms = timeout_ms,
	    .cache_ms = cache_ms,
	    .at_once = 2,
	    .claims = {.audience = "mail", .claim = "username"},
	};

	web_start(says);
	web.last = "token_type_hint=access_token";
	snprintf(
	    url, sizeof url, "https://127.0.0.1:%u/tokens", net_port(&web.at));
	snprintf(secret_file, sizeof secret_file, "%s/secret", web.dir);
	write_secret("a:b&c\n");
	conf.ca_file = web.mine.chain;
	asks = introspect_new(&conf, &f);
	ck_assert_msg(asks != NULL, "%s", f.text);
	ck_assert_int_eq(introspect_start(asks, &f), 0);
	buf_init(&user, 100);
}

static void
tear_down(void)
{
	introspect_free(&asks);
	ck_assert_int_eq(unlink(secret_file), 0);
	web_stop();
	buf_clear(&user);
}

static int
check(const char *token)
{
	return introspect_check(asks, str(token), NOW, &user, &f);
}

#define ANSWER(body) \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" body
static const char good[] = ANSWER("{\"active\":true,\"aud\":\"mail\","
				  "\"username\":\"ann@example.org\","
				  "\"exp\":1700000100}");

START_TEST(who_has_issued_it_is_asked_in_the_form_of_the_standard)
{
	set_up_for(good, 20000, 0);
	ck_assert_msg(check("a+b/c=") == 0, "%s", f.text);
	ck_assert_str_eq(buf_text(&user), "ann@example.org");
	ck_assert_ptr_nonnull(strstr(web.asked, "POST /tokens HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(
	    web.asked, "Content-Type: application/x-www-form-urlencoded\r\n"));
	/* "mail%20server:a%3Ab%26c" */
	ck_assert_ptr_nonnull(strstr(web.asked,
	    "Authorization: Basic bWFpbCUyMHNlcnZlcjphJTNBYiUyNmM=\r\n"));
	ck_assert_ptr_nonnull(strstr(web.asked,
	    "\r\n\r\ntoken=a%2Bb%2Fc%3D&token_type_hint=access_token"));
	tear_down();
}
END_TEST

static const struct {
	const char *says;
	enum fault_kind kind;
	const char *why;
} answers[] = {
    {ANSWER("{\"active\":false}"), FAULT_PERM, "not good"},
    {ANSWER("{\"active\":true,\"username\":\"ann@example.org\"}"), FAULT_PERM,
	"another audience"},
    {ANSWER("{\"active\":true,\"aud\":[\"x\",\"mail\"]}"), FAULT_PERM,
	"no user"},
    {ANSWER("{\"active\":true,\"aud\":\"mail\",\"username\":\"a@b.example\","
	    "\"exp\":1600000000}"),
	FAULT_PERM, "time is over"},
    {ANSWER("{\"active\":\"yes\",\"aud\":\"mail\","
	    "\"username\":\"a@b.example\"}"),
	FAULT_PERM, "not good"},
    {ANSWER("{\"error\":\"x\"}"), FAULT_TEMP, "no proper answer"},
    {ANSWER("<html>"), FAULT_TEMP, "no proper answer"},
    {"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", FAULT_TEMP, "401"},
    {"HTTP/1.1 302 There\r\nLocation: https://127.0.0.1/\r\n\r\n", FAULT_TEMP,
	"302"},
    {"", FAULT_TEMP, "cannot be asked"},
};

START_TEST(only_a_proper_answer_says_anything_about_a_token)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		set_up_for(answers[i].says, 20000, 60000);
		ck_assert_int_eq(check("x"), -1);
		ck_assert_int_eq(f.kind, answers[i].kind);
		ck_assert_msg(strstr(f.text, answers[i].why) != NULL, "%zu: %s",
		    i, f.text);
		/* Nothing of it is remembered. */
		ck_assert_int_eq(check("x"), -1);
		ck_assert_uint_eq(peer_connections(&web.peer), 2);
		tear_down();
	}
}
END_TEST

START_TEST(a_good_answer_is_remembered_for_its_own_token)
{
	set_up_for(good, 20000, 600000);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(check("x"), 0);
		ck_assert_str_eq(buf_text(&user), "ann@example.org");
	}
	ck_assert_uint_eq(peer_connections(&web.peer), 1);
	ck_assert_int_eq(check("y"), 0);
	ck_assert_uint_eq(peer_connections(&web.peer), 2);
	tear_down();
}
END_TEST

START_TEST(an_issuer_that_says_nothing_is_not_waited_for_long)
{
	set_up_for(NULL, 200, 0);
	ck_assert_int_eq(check("x"), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_ptr_nonnull(strstr(f.text, "cannot be asked"));
	tear_down();
}
END_TEST

START_TEST(a_token_that_cannot_be_one_is_not_asked_about)
{
	static char longest[JWT_MAX + 2];

	set_up_for(good, 20000, 0);
	memset(longest, 'x', sizeof longest - 1);
	ck_assert_int_eq(check(""), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_int_eq(check(longest), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_uint_eq(peer_connections(&web.peer), 0);
	tear_down();
}
END_TEST

START_TEST(the_secret_is_read_again_and_must_be_there)
{
	struct introspect_conf conf = {.secret_file = "/nonexistent"};

	ck_assert_ptr_null(introspect_new(&conf, &f));
	ck_assert_ptr_nonnull(strstr(f.text, "/nonexistent"));
	set_up_for(good, 20000, 0);
	write_secret("");
	ck_assert_int_eq(introspect_reload(asks, &f), -1);
	ck_assert_int_eq(check("x"), 0);
	ck_assert_ptr_nonnull(strstr(web.asked, "bWFpbCUyMHNlcnZlcjphJTNB"));
	write_secret("new");
	ck_assert_int_eq(introspect_reload(asks, &f), 0);
	ck_assert_int_eq(check("x"), 0);
	/* "mail%20server:new" */
	ck_assert_ptr_nonnull(strstr(web.asked, "bWFpbCUyMHNlcnZlcjpuZXc="));
	tear_down();
}
END_TEST

UNIT_MAIN("introspect", who_has_issued_it_is_asked_in_the_form_of_the_standard,
    only_a_proper_answer_says_anything_about_a_token,
    a_good_answer_is_remembered_for_its_own_token,
    an_issuer_that_says_nothing_is_not_waited_for_long,
    a_token_that_cannot_be_one_is_not_asked_about,
    the_secret_is_read_again_and_must_be_there)
