/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/sasl.h"

#include "auth/mechanism.h"
#include "auth/password.h"
#include "tests/unit/auth/place.h"
#include "tests/unit/auth/scram_client.h"

static const char *const all[] = {
    "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"};
static struct directory *d;
static struct buf challenge;
static struct fault f;

static void
begin(void)
{
	struct directory_password password = {.hash = ""};
	char hash[PASSWORD_HASH_SIZE];
	int rc;

	d = new_directory();
	add_domain(d, "example.org");
	ck_assert_int_eq(password_hash(STR_LIT("correct horse"), hash, &f), 0);
	memcpy(password.hash, hash, sizeof password.hash);
	ck_assert(scram_make(STR_LIT("correct horse"), &password.scram));
	ck_assert_int_eq(
	    directory_user_add(d, str("ann@example.org"), &password, &f), 0);
	ck_assert_int_eq(
	    directory_user_add(d, str("bob@example.org"), &password, &f), 0);
	add_user(d, "old@example.org", hash);
	add_user(d, "mute@example.org", NULL);
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("bob@example.org"), true, &f),
	    0);
	rc = sasl_open(all, ARRAY_LEN(all), NULL, &f);
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

static enum sasl_result
step(struct sasl_exchange *x, const char *response)
{
	return sasl_exchange_step(x, NULL, str(response), true, &challenge, &f);
}

/* A whole exchange. */
static enum sasl_result
scram(bool sha256, const char *user, const char *password)
{
	struct sasl_exchange *x = sasl_exchange_new(d);
	enum sasl_result result;
	struct scram_client c;

	scram_client_begin(&c, sha256, user);
	result = sasl_exchange_step(x, sha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-1",
	    str(c.first), true, &challenge, &f);
	if (result == EXCHANGE_CONTINUE) {
		scram_client_answer(&c, buf_text(&challenge), password);
		result = step(x, c.last);
	}
	if (result == EXCHANGE_OK) {
		ck_assert_str_eq(buf_text(&challenge), c.signature);
		ck_assert_str_eq(sasl_exchange_user(x), "ann@example.org");
	}
	sasl_exchange_free(&x);
	return result;
}

START_TEST(scram_proves_the_password_to_both_ends)
{
	begin();
	for (int sha256 = 0; sha256 < 2; sha256++) {
		ck_assert_int_eq(
		    scram(sha256, "ann@example.org", "correct horse"),
		    EXCHANGE_OK);
		ck_assert_int_eq(
		    scram(sha256, "Ann@EXAMPLE.org", "correct horse"),
		    EXCHANGE_OK);
	}
	end();
}
END_TEST

static const struct {
	const char *user, *password, *why;
} refused[] = {
    {"ann@example.org", "wrong horse", "wrong password"},
    {"ann@example.org", "", "wrong password"},
    {"bob@example.org", "correct horse", "disabled"},
    {"bob@example.org", "wrong horse", "wrong password"},
    {"eve@example.org", "correct horse", "no such user"},
    {"nobody", "correct horse", "no such user"},
    {"old@example.org", "correct horse", "no keys for SCRAM yet"},
    {"mute@example.org", "", "no keys for SCRAM yet"},
};

START_TEST(scram_goes_on_to_the_end_whoever_it_refuses)
{
	begin();
	for (size_t i = 0; i < 2 * ARRAY_LEN(refused); i++) {
		const char *user = refused[i / 2].user;

		ck_assert_int_eq(
		    scram(i % 2 == 0, user, refused[i / 2].password),
		    EXCHANGE_FAILED);
		ck_assert_str_eq(f.text, refused[i / 2].why);
	}
	end();
}
END_TEST

static const struct {
	const char *mechanism, *header, *channel;
	const char *known; /* at our end; NULL: nothing can be */
	const char *why;   /* NULL: all is well */
} bindings[] = {
    {"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "abc", "abc", NULL},
    {"SCRAM-SHA-256-PLUS", "p=x.Y-9,,", "a", "a", NULL},
    {"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "abc", "abd",
	"the client is bound to another channel, or misspells"},
    {"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "abc", "ab",
	"the client is bound to another channel, or misspells"},
    {"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "abc", "",
	"we were told of no channel"},
    {"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "abc", NULL,
	"binds to a channel that we do not know"},
    {"SCRAM-SHA-256-PLUS", "p=a\tb,,", "abc", "abc",
	"binds to a channel that we do not know"},
    {"SCRAM-SHA-256-PLUS", "p=,,", "abc", "abc",
	"binds to a channel that we do not know"},
    {"SCRAM-SHA-256-PLUS", "n,,", NULL, "abc", "binds to no channel"},
    {"SCRAM-SHA-256-PLUS", "y,,", NULL, "abc", "binds to no channel"},
    {"SCRAM-SHA-256", "n,,", NULL, "abc", NULL},
    {"SCRAM-SHA-256", "y,,", NULL, NULL, NULL},
    {"SCRAM-SHA-256", "y,,", NULL, "abc",
	"was not told that it can bind to the channel"},
    {"SCRAM-SHA-256", "p=tls-exporter,,", "abc", "abc", "insists on a channel"},
    {"SCRAM-SHA-1", "y,,", NULL, "abc", NULL},
};

/* begun: the client speaks first. */
static enum sasl_result
scram_bound(size_t i, bool begun, const char *password)
{
	struct sasl_exchange *x = sasl_exchange_new(d);
	struct scram_client c;
	enum sasl_result result;

	scram_client_bind(&c, strstr(bindings[i].mechanism, "256") != NULL,
	    "ann@example.org", bindings[i].header, bindings[i].channel);
	sasl_exchange_set_channel(x, bindings[i].known != NULL);
	ck_assert_ptr_null(sasl_exchange_wants_binding(x));
	result = sasl_exchange_step(x, bindings[i].mechanism,
	    str(begun ? c.first : NULL), begun, &challenge, &f);
	if (!begun) {
		ck_assert_int_eq(result, EXCHANGE_CONTINUE);
		result = step(x, c.first);
	}
	if (result == EXCHANGE_CONTINUE) {
		const char *kind = sasl_exchange_wants_binding(x);

		ck_assert_int_eq(kind != NULL, bindings[i].channel != NULL);
		if (kind != NULL)
			ck_assert(
			    str_starts(str(bindings[i].header + 2), str(kind)));
		ck_assert_int_eq(
		    sasl_exchange_set_binding(x, str(bindings[i].known)),
		    bindings[i].known != NULL && bindings[i].known[0] != '\0');
		scram_client_answer(&c, buf_text(&challenge), password);
		result = step(x, c.last);
	}
	if (result == EXCHANGE_OK)
		ck_assert_str_eq(buf_text(&challenge), c.signature);
	sasl_exchange_free(&x);
	return result;
}

START_TEST(scram_binds_to_the_channel_that_both_ends_know)
{
	begin();
	for (size_t i = 0; i < 2 * ARRAY_LEN(bindings); i++) {
		const char *why = bindings[i / 2].why;
		enum sasl_result result =
		    scram_bound(i / 2, i % 2 == 0, "correct horse");

		if (why == NULL) {
			ck_assert_msg(
			    result == EXCHANGE_OK, "%zu: %s", i / 2, f.text);
			ck_assert_int_eq(
			    scram_bound(i / 2, i % 2 == 0, "wrong horse"),
			    EXCHANGE_FAILED);
			ck_assert_str_eq(f.text, "wrong password");
			continue;
		}
		ck_assert_int_eq(result, EXCHANGE_FAILED);
		ck_assert_str_eq(f.text, why);
	}
	end();
}
END_TEST

static void
get_salt(const char *user, char salt[100])
{
	struct sasl_exchange *x = sasl_exchange_new(d);
	struct scram_client c;
	struct str rest;

	scram_client_begin(&c, true, user);
	ck_assert_int_eq(sasl_exchange_step(x, "SCRAM-SHA-256", str(c.first),
			     true, &challenge, &f),
	    EXCHANGE_CONTINUE);
	rest = buf_str(&challenge);
	str_cut(&rest, ',');
	snprintf(salt, 100, "%.*s", STR_ARG(rest));
	sasl_exchange_free(&x);
}

START_TEST(who_does_not_exist_has_a_salt_that_stays)
{
	char a[100], b[100];

	begin();
	get_salt("ann@example.org", a);
	get_salt("eve@example.org", b);
	ck_assert_uint_eq(strlen(a), strlen(b));
	ck_assert_str_ne(a, b);
	get_salt("eve@example.org", a);
	ck_assert_str_eq(a, b);
	end();
}
END_TEST

START_TEST(scram_may_begin_without_a_response)
{
	struct sasl_exchange *x;
	struct scram_client c;

	begin();
	x = sasl_exchange_new(d);
	ck_assert_int_eq(sasl_exchange_step(x, "SCRAM-SHA-256", str(NULL),
			     false, &challenge, &f),
	    EXCHANGE_CONTINUE);
	ck_assert_uint_eq(buf_len(&challenge), 0);
	scram_client_begin(&c, true, "ann@example.org");
	ck_assert_int_eq(step(x, c.first), EXCHANGE_CONTINUE);
	scram_client_answer(&c, buf_text(&challenge), "correct horse");
	ck_assert_int_eq(step(x, c.last), EXCHANGE_OK);
	sasl_exchange_free(&x);
	end();
}
END_TEST

/* The second response is what the library reads the channel's name for. */
START_TEST(a_client_that_insists_on_a_channel_is_refused)
{
	struct sasl_exchange *x;

	begin();
	x = sasl_exchange_new(d);
	ck_assert_int_eq(
	    sasl_exchange_step(x, "SCRAM-SHA-256",
		STR_LIT("p=tls-unique,,n=ann@example.org,r=abcdefgh"), true,
		&challenge, &f),
	    EXCHANGE_FAILED);
	ck_assert_int_ne(
	    step(x, "c=cD10bHMtdW5pcXVlLCx4,r=abcdefgh,p=eA=="), EXCHANGE_OK);
	sasl_exchange_free(&x);
	x = sasl_exchange_new(d);
	ck_assert_int_eq(sasl_exchange_step(x, "SCRAM-SHA-1", str(NULL), false,
			     &challenge, &f),
	    EXCHANGE_CONTINUE);
	ck_assert_int_eq(step(x, "p=tls-unique,,n=ann@example.org,r=abcdefgh"),
	    EXCHANGE_FAILED);
	sasl_exchange_free(&x);
	end();
}
END_TEST

START_TEST(scram_acts_for_nobody_else)
{
	struct sasl_exchange *x;
	struct scram_client c;

	begin();
	x = sasl_exchange_new(d);
	scram_client_begin(&c, true, "ann@example.org");
	snprintf(c.first, sizeof c.first, "n,a=bob@example.org,%s", c.bare);
	ck_assert_int_eq(sasl_exchange_step(x, "SCRAM-SHA-256", str(c.first),
			     true, &challenge, &f),
	    EXCHANGE_CONTINUE);
	scram_client_answer(&c, buf_text(&challenge), "correct horse");
	ck_assert_int_eq(step(x, c.last), EXCHANGE_FAILED);
	sasl_exchange_free(&x);
	end();
}
END_TEST

static const char *const nonsense[] = {
    "",
    "n",
    "n,,",
    "n,,n=,r=",
    "n,,n=ann@example.org",
    "n,,m=x,n=ann@example.org,r=abcdefgh",
    "n,,n=ann=example.org,r=abcdefgh",
    "x,,n=ann@example.org,r=abcdefgh",
    "n,a=,n=ann@example.org,r=abcdefgh",
};

START_TEST(nonsense_is_never_a_login)
{
	begin();
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
		struct sasl_exchange *x = sasl_exchange_new(d);

		if (sasl_exchange_step(x, "SCRAM-SHA-256", str(nonsense[i]),
			true, &challenge, &f) == EXCHANGE_CONTINUE)
			ck_assert_int_eq(step(x, "c=biws,r=abcdefgh,p=eA=="),
			    EXCHANGE_FAILED);
		sasl_exchange_free(&x);
	}
	end();
}
END_TEST

START_TEST(what_is_off_is_not_offered)
{
	static const char *const one[] = {"scram-sha-256"};
	static const char *const unknown[] = {"PLAIN", "DIGEST-MD5"};
	char user[256];

	begin();
	sasl_close();
	ck_assert_int_eq(sasl_open(one, 1, NULL, &f), 0);
	ck_assert(sasl_offers(mechanism_find(STR_LIT("SCRAM-SHA-256"))));
	ck_assert(!sasl_offers(mechanism_find(STR_LIT("PLAIN"))));
	ck_assert_int_eq(
	    scram(true, "ann@example.org", "correct horse"), EXCHANGE_OK);
	ck_assert_int_eq(
	    scram(false, "ann@example.org", "correct horse"), EXCHANGE_FAILED);
	ck_assert_int_eq(
	    plain(PLAIN("", "ann@example.org", "correct horse"), user),
	    EXCHANGE_FAILED);
	ck_assert_int_eq(sasl_open(unknown, 2, NULL, &f), -1);
	ck_assert_str_eq(f.dsn, "5.3.5");
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
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-512",
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
    login_takes_the_name_in_advance, scram_proves_the_password_to_both_ends,
    scram_goes_on_to_the_end_whoever_it_refuses,
    scram_binds_to_the_channel_that_both_ends_know,
    who_does_not_exist_has_a_salt_that_stays,
    scram_may_begin_without_a_response,
    a_client_that_insists_on_a_channel_is_refused, scram_acts_for_nobody_else,
    nonsense_is_never_a_login, what_is_off_is_not_offered,
    other_mechanisms_are_refused, an_exchange_needs_a_first_step,
    long_input_is_refused)
