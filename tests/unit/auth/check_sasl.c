/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/sasl.h"

#include "auth/password.h"
#include "tests/unit/auth/place.h"

static struct directory *d;
static struct buf challenge;
static struct fault f;

static void
begin(void)
{
	char hash[PASSWORD_HASH_SIZE];
	int rc;

	d = new_directory();
	add_domain(d, "example.org");
	ck_assert_int_eq(password_hash(STR_LIT("correct horse"), hash, &f), 0);
	add_user(d, "ann@example.org", hash);
	add_user(d, "bob@example.org", hash);
	add_user(d, "mute@example.org", NULL);
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("bob@example.org"), true, &f),
	    0);
	rc = sasl_open(&f);
	ck_assert_msg(rc == 0, "%s", f.text);
	buf_init(&challenge, 4096);
}

static void
end(void)
{
	buf_clear(&challenge);
	sasl_close();
	end_directory(&d);
}

/* PLAIN in one step. */
static enum sasl_result
plain(struct str response, char user[256])
{
	struct sasl_exchange *x = sasl_exchange_new(d);
	enum sasl_result result =
	    sasl_exchange_step(x, "PLAIN", response, true, &challenge, &f);

	snprintf(user, 256, "%s", sasl_exchange_user(x));
	sasl_exchange_free(&x);
	ck_assert_ptr_null(x);
	return result;
}

static enum sasl_result
login(const char *user, const char *password)
{
	struct sasl_exchange *x = sasl_exchange_new(d);
	enum sasl_result result =
	    sasl_exchange_step(x, "LOGIN", str(NULL), false, &challenge, &f);

	ck_assert_int_eq(result, EXCHANGE_CONTINUE);
	ck_assert_view_eq(buf_str(&challenge), "Username:");
	result = sasl_exchange_step(x, NULL, str(user), true, &challenge, &f);
	if (result == EXCHANGE_CONTINUE) {
		ck_assert_view_eq(buf_str(&challenge), "Password:");
		result = sasl_exchange_step(
		    x, NULL, str(password), true, &challenge, &f);
	}
	sasl_exchange_free(&x);
	return result;
}

#define PLAIN(authzid, user, password) STR_LIT(authzid "\0" user "\0" password)

static const struct {
	struct str response;
	enum sasl_result result;
} plains[] = {
    {PLAIN("", "ann@example.org", "correct horse"), EXCHANGE_OK},
    {PLAIN("", "Ann@EXAMPLE.org", "correct horse"), EXCHANGE_OK},
    {PLAIN("ann@example.org", "ann@example.org", "correct horse"), EXCHANGE_OK},
    {PLAIN("ANN@example.org", "ann@Example.org", "correct horse"), EXCHANGE_OK},
    {PLAIN("bob@example.org", "ann@example.org", "correct horse"),
	EXCHANGE_FAILED},
    {PLAIN("root", "ann@example.org", "correct horse"), EXCHANGE_FAILED},
    {PLAIN("", "ann@example.org", "correct hors"), EXCHANGE_FAILED},
    {PLAIN("", "ann@example.org", "Correct horse"), EXCHANGE_FAILED},
    {PLAIN("", "ann@example.org", ""), EXCHANGE_FAILED},
    {PLAIN("", "ann@example.org", "correct horse\0"), EXCHANGE_FAILED},
    {PLAIN("", "ann@example.org", "correct horse\0x"), EXCHANGE_FAILED},
    {PLAIN("", "ann+x@example.org", "correct horse"), EXCHANGE_FAILED},
    {PLAIN("", "ann", "correct horse"), EXCHANGE_FAILED},
    {PLAIN("", "", "correct horse"), EXCHANGE_FAILED},
    {PLAIN("", "?", "correct horse"), EXCHANGE_FAILED},
    {PLAIN("", "eve@example.org", "correct horse"), EXCHANGE_FAILED},
    {PLAIN("", "bob@example.org", "correct horse"), EXCHANGE_FAILED},
    {PLAIN("", "mute@example.org", ""), EXCHANGE_FAILED},
    {PLAIN("", "mute@example.org", "correct horse"), EXCHANGE_FAILED},
    {STR_LIT("ann@example.org\0correct horse"), EXCHANGE_FAILED},
    {STR_LIT("ann@example.org"), EXCHANGE_FAILED},
    {STR_LIT("\0\0"), EXCHANGE_FAILED},
    {STR_LIT("\0"), EXCHANGE_FAILED},
    {STR_LIT("\0\0\0\0\0\0"), EXCHANGE_FAILED},
};

START_TEST(plain_takes_only_the_right_password_of_the_own_name)
{
	char user[256];

	begin();
	for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
		enum sasl_result result = plain(plains[i].response, user);

		ck_assert_msg(result == plains[i].result, "%zu: %d %s", i,
		    result, f.text);
		if (result == EXCHANGE_OK)
			ck_assert_str_eq(user, "ann@example.org");
		else
			ck_assert_int_eq(f.kind, FAULT_PERM);
	}
	end();
}
END_TEST

START_TEST(plain_asks_for_what_did_not_come)
{
	struct sasl_exchange *x;

	begin();
	x = sasl_exchange_new(d);
	ck_assert_int_eq(
	    sasl_exchange_step(x, "PLAIN", str(NULL), false, &challenge, &f),
	    EXCHANGE_CONTINUE);
	ck_assert_uint_eq(buf_len(&challenge), 0);
	ck_assert_int_eq(sasl_exchange_step(x, NULL,
			     PLAIN("", "ann@example.org", "correct horse"),
			     true, &challenge, &f),
	    EXCHANGE_OK);
	ck_assert_str_eq(sasl_exchange_user(x), "ann@example.org");
	/* It is over. */
	ck_assert_int_ne(
	    sasl_exchange_step(x, NULL, str("x"), true, &challenge, &f),
	    EXCHANGE_OK);
	sasl_exchange_free(&x);
	end();
}
END_TEST

START_TEST(login_asks_twice)
{
	begin();
	ck_assert_int_eq(
	    login("ann@example.org", "correct horse"), EXCHANGE_OK);
	ck_assert_int_eq(
	    login("ANN@example.org", "correct horse"), EXCHANGE_OK);
	ck_assert_int_eq(
	    login("ann@example.org", "wrong horse"), EXCHANGE_FAILED);
	ck_assert_int_eq(login("ann@example.org", ""), EXCHANGE_FAILED);
	ck_assert_int_eq(
	    login("eve@example.org", "correct horse"), EXCHANGE_FAILED);
	ck_assert_int_eq(
	    login("bob@example.org", "correct horse"), EXCHANGE_FAILED);
	ck_assert_int_eq(login("", "correct horse"), EXCHANGE_FAILED);
	end();
}
END_TEST

START_TEST(login_takes_the_name_in_advance)
{
	struct sasl_exchange *x;

	begin();
	x = sasl_exchange_new(d);
	ck_assert_int_eq(sasl_exchange_step(x, "LOGIN", str("ann@example.org"),
			     true, &challenge, &f),
	    EXCHANGE_CONTINUE);
	ck_assert_view_eq(buf_str(&challenge), "Password:");
	ck_assert_int_eq(sasl_exchange_step(x, NULL, str("correct horse"), true,
			     &challenge, &f),
	    EXCHANGE_OK);
	sasl_exchange_free(&x);
	end();
}
END_TEST

static const char *const others[] = {
    "",
    "plain",
    "ANONYMOUS",
    "EXTERNAL",
    "CRAM-MD5",
    "DIGEST-MD5",
    "SCRAM-SHA-256",
    "PLAIN LOGIN",
};

START_TEST(other_mechanisms_are_refused)
{
	begin();
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct sasl_exchange *x = sasl_exchange_new(d);

		ck_assert_msg(sasl_exchange_step(x, others[i], str("x"), true,
				  &challenge, &f) == EXCHANGE_FAILED,
		    "%s", others[i]);
		sasl_exchange_free(&x);
	}
	end();
}
END_TEST

START_TEST(an_exchange_needs_a_first_step)
{
	struct sasl_exchange *x;

	begin();
	x = sasl_exchange_new(d);
	ck_assert_int_eq(sasl_exchange_step(x, NULL,
			     PLAIN("", "ann@example.org", "correct horse"),
			     true, &challenge, &f),
	    EXCHANGE_FAILED);
	sasl_exchange_free(&x);
	end();
}
END_TEST

START_TEST(long_input_is_refused)
{
	static char text[16000];
	char user[256];

	begin();
	memset(text, 'x', sizeof text);
	text[0] = '\0';
	ck_assert_int_eq(
	    plain(str_n(text, sizeof text), user), EXCHANGE_FAILED);
	text[5000] = '\0';
	ck_assert_int_eq(
	    plain(str_n(text, sizeof text), user), EXCHANGE_FAILED);
	memcpy(text, "\0ann@example.org", 17);
	ck_assert_int_eq(
	    plain(str_n(text, sizeof text), user), EXCHANGE_FAILED);
	end();
}
END_TEST

UNIT_MAIN("sasl", plain_takes_only_the_right_password_of_the_own_name,
    plain_asks_for_what_did_not_come, login_asks_twice,
    login_takes_the_name_in_advance, other_mechanisms_are_refused,
    an_exchange_needs_a_first_step, long_input_is_refused)
