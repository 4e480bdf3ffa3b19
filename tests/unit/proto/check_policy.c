/* SPDX-License-Identifier: ISC */
/* proto/policy.h and proto/policy_client.h: the protocol, and who asks by it. */
#include "config.h"

#include "proto/policy.h"

#include "proto/policy_client.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

#define REQUEST \
	"request=smtpd_access_policy\nrecipient=a@b.example\nsize=12\n\n"

START_TEST(a_request_ends_with_an_empty_line)
{
	static const struct {
		const char *text;
		enum policy_result result;
		size_t used;
	} cases[] = {
	    {"", POLICY_MORE, 0},
	    {"a=b\n", POLICY_MORE, 0},
	    {"a=b\n\n", POLICY_OK, 5},
	    {"a=b\r\n\r\nc=d\n", POLICY_OK, 7},
	    {"a=b\nc=\n\na=", POLICY_OK, 8},
	    {"\n", POLICY_OK, 1},
	    {"nonsense\n", POLICY_BAD, 0},
	    {"a=b\nGET / HTTP/1.0\n\n", POLICY_BAD, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str lines;
		size_t used = 0;

		ck_assert_msg(policy_take(str(cases[i].text), &lines, &used) ==
				  cases[i].result,
		    "%s", cases[i].text);
		if (cases[i].result == POLICY_OK)
			ck_assert_uint_eq(used, cases[i].used);
	}
}
END_TEST

START_TEST(attributes_are_found_by_their_whole_names)
{
	struct str lines, value;
	size_t used;

	ck_assert_int_eq(policy_take(STR_LIT("sizes=1\r\nsize=12\nsize=13\n"
					     "x=a=b\nempty=\n\n"),
			     &lines, &used),
	    POLICY_OK);
	ck_assert(policy_get(lines, "size", &value));
	ck_assert_view_eq(value, "12");
	ck_assert(policy_get(lines, "sizes", &value));
	ck_assert_view_eq(value, "1");
	ck_assert(policy_get(lines, "x", &value));
	ck_assert_view_eq(value, "a=b");
	ck_assert(policy_get(lines, "empty", &value));
	ck_assert_uint_eq(value.len, 0);
	ck_assert(!policy_get(lines, "protocol", &value));
}
END_TEST

START_TEST(a_request_is_bounded)
{
	static char text[POLICY_REQUEST_MAX + 10];
	struct str lines;
	size_t used;

	memset(text, 'x', sizeof text);
	memcpy(text, "a=", 2);
	ck_assert_int_eq(
	    policy_take(str_n(text, POLICY_REQUEST_MAX - 1), &lines, &used),
	    POLICY_MORE);
	ck_assert_int_eq(
	    policy_take(str_n(text, POLICY_REQUEST_MAX), &lines, &used),
	    POLICY_BAD);
	memcpy(text + sizeof text - 2, "\n\n", 2);
	ck_assert_int_eq(
	    policy_take(str_n(text, sizeof text), &lines, &used), POLICY_BAD);
}
END_TEST

START_TEST(nothing_that_is_put_breaks_a_line)
{
	struct buf b;
	struct fault f;

	buf_init(&b, 1000);
	policy_put(&b, "recipient", STR_LIT("a\nsize=0\r\n\n@b"));
	policy_put_end(&b);
	ck_assert_str_eq(buf_text(&b), "recipient=a?size=0???@b\n\n");
	buf_reset(&b);
	policy_put_answer(&b, NULL);
	ck_assert_str_eq(buf_text(&b), "action=DUNNO\n\n");
	buf_reset(&b);
	fault_temp(&f, "4.2.2", "full");
	policy_put_answer(&b, &f);
	ck_assert_str_eq(buf_text(&b), "action=452 4.2.2 full\n\n");
	buf_reset(&b);
	fault_perm(&f, "5.2.2", "full");
	policy_put_answer(&b, &f);
	ck_assert_str_eq(buf_text(&b), "action=552 5.2.2 full\n\n");
	buf_reset(&b);
	fault_perm(&f, "5.1.1", "who?");
	policy_put_answer(&b, &f);
	ck_assert_str_eq(buf_text(&b), "action=550 5.1.1 who?\n\n");
	buf_clear(&b);
}
END_TEST

START_TEST(each_action_means_one_thing)
{
	static const struct {
		const char *action;
		int kind; /* 0: passes */
		const char *dsn, *text;
	} cases[] = {
	    {"OK", 0, "", ""},
	    {"DUNNO", 0, "", ""},
	    {"", 0, "", ""},
	    {"PREPEND X-Y: z", 0, "", ""},
	    {"HOLD", 0, "", ""},
	    {"200 fine", 0, "", ""},
	    {"600 odd", 0, "", ""},
	    {"452 4.2.2 full", FAULT_TEMP, "4.2.2", "full"},
	    {"452 full", FAULT_TEMP, "4.2.2", "full"},
	    {"552 5.2.2 Mailbox is full", FAULT_PERM, "5.2.2",
		"Mailbox is full"},
	    {"554 5.2.2 Mailbox is full", FAULT_PERM, "5.2.2",
		"Mailbox is full"},
	    {"550 no", FAULT_PERM, "5.7.1", "no"},
	    {"450", FAULT_TEMP, "4.7.1", "refused by a policy"},
	    {"REJECT Unknown user", FAULT_PERM, "5.7.1", "Unknown user"},
	    {"reject 5.1.1 who", FAULT_PERM, "5.1.1", "who"},
	    {"DEFER", FAULT_TEMP, "4.7.1", "refused by a policy"},
	    {"550 a\tb", FAULT_PERM, "5.7.1", "a?b"},
	    {"DEFER_IF_PERMIT  try later", FAULT_TEMP, "4.7.1", "try later"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fault f = {.text = ""};
		int rc = policy_parse_action(str(cases[i].action), &f);

		ck_assert_msg(
		    rc == (cases[i].kind == 0 ? 0 : -1), "%s", cases[i].action);
		if (rc == 0)
			continue;
		ck_assert_int_eq(f.kind, cases[i].kind);
		ck_assert_str_eq(f.dsn, cases[i].dsn);
		ck_assert_str_eq(f.text, cases[i].text);
	}
}
END_TEST

/* The client. */

static struct peer server;
static const char *answer;
static unsigned lives; /* answers of a connection; 0: many */

static void
serve(struct peer *peer, FILE *in, FILE *out)
{
	unsigned n = lives;
	char line[200];

	(void)peer;
	while (fgets(line, sizeof line, in) != NULL) {
		if (line[0] != '\n')
			continue;
		if (lives > 0 && n-- == 0)
			return;
		fputs(answer, out);
		fflush(out);
	}
}

static struct policy_client *
begin(void)
{
	struct net_address address;
	struct fault f;

	peer_start(&server, serve, NULL);
	ck_assert_int_eq(net_parse(str(server.address), &address, &f), 0);
	return policy_client_new(&address, 10000);
}

static void
end(struct policy_client *client)
{
	policy_client_free(&client);
	peer_stop(&server);
	peer_clear(&server);
}

START_TEST(one_connection_serves_question_after_question)
{
	struct policy_client *client = begin();
	struct buf action;
	struct fault f;

	buf_init(&action, 200);
	answer = "x=y\naction=452 4.2.2 full\n\n";
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
		    policy_ask(client, STR_LIT(REQUEST), &action, &f), 0);
		ck_assert_str_eq(buf_text(&action), "452 4.2.2 full");
	}
	ck_assert_uint_eq(peer_connections(&server), 1);
	buf_clear(&action);
	end(client);
}
END_TEST

START_TEST(a_kept_connection_that_dies_is_replaced)
{
	struct policy_client *client = begin();
	struct buf action;
	struct fault f;

	buf_init(&action, 200);
	answer = "action=OK\n\n";
	lives = 1;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    policy_ask(client, STR_LIT(REQUEST), &action, &f), 0);
	lives = 0;
	buf_clear(&action);
	end(client);
}
END_TEST

START_TEST(nonsense_and_silence_are_temporary)
{
	static const char *const answers[] = {
	    "nonsense\n", "no=action\n\n", "action=OK and far more\n\n"};
	struct policy_client *client = begin();
	struct buf action;
	struct fault f;

	buf_init(&action, 10);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		answer = answers[i];
		ck_assert_int_eq(
		    policy_ask(client, STR_LIT(REQUEST), &action, &f), -1);
		ck_assert_int_eq(f.kind, FAULT_TEMP);
		ck_assert_ptr_nonnull(strstr(f.text, server.address));
	}
	peer_stop(&server);
	ck_assert_int_eq(policy_ask(client, STR_LIT(REQUEST), &action, &f), -1);
	ck_assert_str_eq(f.dsn, "4.4.3");
	buf_clear(&action);
	policy_client_free(&client);
	peer_clear(&server);
}
END_TEST

UNIT_MAIN("policy", a_request_ends_with_an_empty_line,
    attributes_are_found_by_their_whole_names, a_request_is_bounded,
    nothing_that_is_put_breaks_a_line, each_action_means_one_thing,
    one_connection_serves_question_after_question,
    a_kept_connection_that_dies_is_replaced, nonsense_and_silence_are_temporary)
