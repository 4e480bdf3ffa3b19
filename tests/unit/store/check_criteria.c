/* SPDX-License-Identifier: ISC */
/* store/criteria.h and store/handle.h: what is meant, and what is not. */
#include "config.h"

#include "store/criteria.h"

#include "store/handle.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

#define BASE "1764412345.M1P2Q3I0hc2xdq4k9w7p3mz.host,S=2000,W=2040"

static const struct record example = {
    .place = RECORD_CUR,
    .stored = 1764412345,
    .date = 1764400000,
    .size = 2000,
    .wire_size = 2040,
    .info = {":2,FRS", 6},
    .message_id = {"1.x@example.net", 15},
    .subject = {"Ihre Gr\u00fc\u00dfe", 13},
    .sender = {"Ann@example.net", 15},
    .sender_name = {"J\u00f6rg", 5},
    .recipients = {"bob@example.org, eve@example.org", 32},
    .list_id = {"posthouse.example.net", 21},
    .digest = {"0123456789abcdef0123456789abcdefbodybody", DIGEST_LEN},
    .has_attachments = true,
    .attachments = 2,
    .spam = RECORD_SPAM_NO,
};

/* Whether the message in the folder is meant; or fails. */
static bool
means(const char *params, const char *in)
{
	json_t *json;
	struct mailbox_folder folder;
	struct criteria c;
	struct fault f;
	bool is;

	json = json_parse(str(params), &f);
	ck_assert_ptr_nonnull(json);
	folder = folder_named(in);
	ck_assert_msg(criteria_read(&c, json, &f) == 0, "%s", f.text);
	is = criteria_want_folder(&c, &folder, 1, 0) &&
	     criteria_match(&c, &folder, str(BASE), &example);
	criteria_clear(&c);
	json_free(&json);
	return is;
}

START_TEST(nothing_asked_for_is_everything)
{
	ck_assert(means("{}", ""));
	ck_assert(means("{\"from\":\"\",\"subject\":\"\"}", "Trash"));
}
END_TEST

START_TEST(what_is_asked_for_must_all_be_so)
{
	static const struct {
		const char *yes, *no;
	} all[] = {
	    {"{\"from\":\"ANN@\"}", "{\"from\":\"bob\"}"},
	    {"{\"from\":\"J\u00d6R\"}", "{\"from\":\"jor\"}"},
	    {"{\"to\":\"eve@\"}", "{\"to\":\"ann@\"}"},
	    {"{\"list_id\":\"Posthouse.\"}", "{\"list_id\":\"<\"}"},
	    {"{\"attachments\":true}", "{\"attachments\":false}"},
	    {"{\"spam\":\"no\"}", "{\"spam\":\"unknown\"}"},
	    {"{\"digest\":\"3031323334353637383961626364656630313233343536373839616263646566\"}",
		"{\"digest\":\"3031323334353637383961626364656630313233343536373839616263646567\"}"},
	    {"{\"body\":\"626f6479626f6479\"}",
		"{\"body\":\"626f6479626f6478\"}"},
	    {"{\"subject\":\"gr\u00dc\"}", "{\"subject\":\"gruesse\"}"},
	    {"{\"message_id\":\"1.x@example.net\"}",
		"{\"message_id\":\"1.x@example\"}"},
	    {"{\"message_id\":\"<1.x@example.net>\"}",
		"{\"message_id\":\"1.X@example.net\"}"},
	    {"{\"folder\":\"Lists/a\"}", "{\"folder\":\"Lists\"}"},
	    {"{\"since\":1764412345}", "{\"since\":1764412346}"},
	    {"{\"before\":1764412346}", "{\"before\":1764412345}"},
	    {"{\"sent_since\":1764400000}", "{\"sent_since\":1764400001}"},
	    {"{\"sent_before\":1764400001}", "{\"sent_before\":1764400000}"},
	    {"{\"larger\":1999}", "{\"larger\":2000}"},
	    {"{\"smaller\":2001}", "{\"smaller\":2000}"},
	    {"{\"flags\":[\"seen\",\"answered\",\"flagged\"]}",
		"{\"flags\":[\"seen\",\"draft\"]}"},
	    {"{\"flags\":[\"undeleted\",\"seen\"]}",
		"{\"flags\":[\"unseen\"]}"},
	    {"{\"id\":\"0hc2xdq4k9w7p3mz\"}", "{\"id\":\"0hc2xdq4k9w7p3m0\"}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		ck_assert_msg(means(all[i].yes, "Lists/a"), "%s", all[i].yes);
		ck_assert_msg(!means(all[i].no, "Lists/a"), "%s", all[i].no);
	}
	ck_assert(means(
	    "{\"from\":\"ann\",\"larger\":1,\"flags\":[\"seen\"]}", "Lists/a"));
	ck_assert(!means(
	    "{\"from\":\"ann\",\"larger\":1,\"smaller\":2000}", "Lists/a"));
}
END_TEST

START_TEST(folders_that_can_have_none_are_left_out)
{
	struct mailbox_folder inbox = {.text = "", .dir = ""};
	struct criteria c = {.without_flags = 0};
	struct fault f;
	json_t *json;

	ck_assert(!criteria_want_folder(&c, &inbox, 0, 0));
	ck_assert(criteria_want_folder(&c, &inbox, 1, 0));
	json = json_parse(str("{\"flags\":[\"unseen\"]}"), &f);
	ck_assert_int_eq(criteria_read(&c, json, &f), 0);
	ck_assert(!criteria_want_folder(&c, &inbox, 1, 0));
	ck_assert(criteria_want_folder(&c, &inbox, 1, 1));
	criteria_clear(&c);
	json_free(&json);
}
END_TEST

START_TEST(what_is_not_known_is_neither_so_nor_otherwise)
{
	static const char *const both[] = {
	    "{\"attachments\":true}", "{\"attachments\":false}"};
	struct mailbox_folder inbox = {.text = "", .dir = ""};
	struct record r = example;

	r.has_attachments = false;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct criteria c;
		struct fault f;
		json_t *json = json_parse(str(both[i]), &f);

		ck_assert_int_eq(criteria_read(&c, json, &f), 0);
		ck_assert(!criteria_match(&c, &inbox, str(BASE), &r));
		criteria_clear(&c);
		json_free(&json);
	}
}
END_TEST

START_TEST(a_message_without_a_date_was_sent_at_no_time)
{
	struct mailbox_folder inbox = {.text = "", .dir = ""};
	struct record r = example;
	struct criteria c;
	struct fault f;
	json_t *json = json_parse(str("{\"sent_before\":9999999999}"), &f);

	r.date = 0;
	ck_assert_int_eq(criteria_read(&c, json, &f), 0);
	ck_assert(criteria_match(&c, &inbox, str(BASE), &example));
	ck_assert(!criteria_match(&c, &inbox, str(BASE), &r));
	criteria_clear(&c);
	json_free(&json);
}
END_TEST

START_TEST(what_can_not_be_read_is_refused)
{
	static const char *const bad[] = {"{\"flags\":[\"red\"]}",
	    "{\"flags\":[1]}", "{\"spam\":\"maybe\"}", "{\"digest\":\"12\"}",
	    "{\"digest\":\"x\"}", "{\"body\":\"626f64\"}",
	    "{\"folder\":\"a//b\"}"};
	char *text = malloc(600);
	struct criteria c;
	struct fault f;
	json_t *json;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		json = json_parse(str(bad[i]), &f);
		ck_assert_int_eq(criteria_read(&c, json, &f), -1);
		ck_assert_int_eq(f.kind, FAULT_PERM);
		criteria_clear(&c);
		json_free(&json);
	}
	memset(text, 'x', 501);
	text[501] = '\0';
	json = json_new_object();
	json_put_text(json, "subject", text);
	ck_assert_int_eq(criteria_read(&c, json, &f), -1);
	criteria_clear(&c);
	json_free(&json);
	free(text);
}
END_TEST

START_TEST(a_handle_means_one_message_of_a_mailbox)
{
	char here[HANDLE_SIZE], there[HANDLE_SIZE];

	handle_format(str(""), str(BASE), here);
	handle_format(str(".Trash"), str(BASE), there);
	ck_assert_uint_eq(strlen(here), HANDLE_LEN);
	ck_assert_str_ne(here, there);
	ck_assert(handle_means(str(here), str(""), str(BASE)));
	ck_assert(!handle_means(str(there), str(""), str(BASE)));
	/* As it must stay, since operators write it down: of SHA-256, in the
	 * alphabet of delivery ids. */
	handle_format(str(""), str("a"), here);
	ck_assert_str_eq(here, "d98ds1c42d67vs9q");
}
END_TEST

START_TEST(other_names_of_a_message_do_as_well)
{
	ck_assert(handle_means(str("0hc2xdq4k9w7p3mz"), str(""), str(BASE)));
	ck_assert(handle_means(str(BASE), str(""), str(BASE)));
	ck_assert(handle_means(str(BASE ":2,S"), str(""), str(BASE)));
	ck_assert(!handle_means(str(BASE "0"), str(""), str(BASE)));
	ck_assert(!handle_means(str(""), str(""), str(BASE)));
}
END_TEST

UNIT_MAIN("criteria", nothing_asked_for_is_everything,
    what_is_asked_for_must_all_be_so, folders_that_can_have_none_are_left_out,
    what_is_not_known_is_neither_so_nor_otherwise,
    a_message_without_a_date_was_sent_at_no_time,
    what_can_not_be_read_is_refused, a_handle_means_one_message_of_a_mailbox,
    other_names_of_a_message_do_as_well)
