/* SPDX-License-Identifier: ISC */
/* store/search.h: pages over mailboxes, folders and messages. */
#include "config.h"

#include "store/search.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "store/delivery.h"
#include "store/index_private.h"
#include "store/store_private.h"
#include "tests/unit/store/committed.h"
#include "tests/unit/store/opened.h"
#include "tests/unit/unit.h"

/* The library frees nothing of an environment that has panicked, and some of
 * these tests make it panic. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libdb";
}

static struct store *store;

static void
open_it(void)
{
	const struct store_conf conf = opened_conf();

	store = opened(&conf);
}

static void
begin(void)
{
	opened_make("search");
	open_it();
}

static void
end(void)
{
	store_close(&store);
	place_remove(dir);
}

static void
deliver(const char *to, const char *subject)
{
	char message[200];

	snprintf(message, sizeof message,
	    "From: Ann <ann@example.net>\r\nSubject: %s\r\n"
	    "Message-ID: <%s@example.net>\r\n\r\nx\r\n",
	    subject, subject);
	ck_assert_int_eq(delivered(store, to, message), DELIVERY_STORED);
}

static json_t *
ask(const char *text, const char *after)
{
	json_t *params, *result;
	struct fault f;

	params = json_parse(str(text), &f);
	ck_assert_ptr_nonnull(params);
	if (after != NULL)
		json_put_text(params, "after", after);
	result = search_messages(store, params, &f);
	ck_assert_msg(result != NULL, "%s", f.text);
	json_free(&params);
	return result;
}

/* "mailbox subject" of each message that is found, page by page. */
static const char *
find(const char *params)
{
	static char all[2000];
	char after[400] = "";
	bool more = true;
	size_t len = 0;

	all[0] = '\0';
	while (more) {
		json_t *page = ask(params, after[0] != '\0' ? after : NULL);
		const json_t *messages = json_get(page, "messages");
		const char *next = json_get_text(page, "next");

		for (size_t i = 0; i < json_len(messages); i++) {
			json_t *m = json_at(messages, i);

			len += (size_t)snprintf(all + len, sizeof all - len,
			    "%s %s\n", json_get_text(m, "mailbox"),
			    json_get_text(m, "subject"));
			ck_assert_uint_lt(len, sizeof all);
		}
		more = next != NULL;
		snprintf(after, sizeof after, "%s", more ? next : "");
		json_free(&page);
	}
	return all;
}

static const char *
refusal(const char *text)
{
	static struct fault f;
	json_t *params = json_parse(str(text), &f);

	ck_assert_ptr_null(search_messages(store, params, &f));
	json_free(&params);
	return f.dsn;
}

START_TEST(all_mailboxes_are_searched_in_order)
{
	begin();
	deliver("bob@b", "one");
	deliver("ann@b", "two");
	deliver("ann@b", "three");
	deliver("ann@a.example", "four");
	ck_assert_str_eq(find("{}"),
	    "ann@a.example four\nann@b two\nann@b three\nbob@b one\n");
	ck_assert_str_eq(
	    find("{\"subject\":\"T\"}"), "ann@b two\nann@b three\n");
	ck_assert_str_eq(
	    find("{\"message_id\":\"one@example.net\"}"), "bob@b one\n");
	ck_assert_str_eq(
	    find("{\"mailbox\":\"ann@b\",\"subject\":\"o\"}"), "ann@b two\n");
	ck_assert_str_eq(
	    find("{\"domain\":\"A.example\"}"), "ann@a.example four\n");
	ck_assert_str_eq(find("{\"domain\":\"example\"}"), "");
	end();
}
END_TEST

START_TEST(a_page_goes_on_where_the_one_before_ended)
{
	begin();
	for (int i = 0; i < 3; i++) {
		deliver("ann@b", "one");
		deliver("bob@b", "two");
	}
	for (int limit = 1; limit < 8; limit++) {
		char params[80];

		snprintf(params, sizeof params, "{\"limit\":%d}", limit);
		ck_assert_str_eq(find(params),
		    "ann@b one\nann@b one\nann@b one\n"
		    "bob@b two\nbob@b two\nbob@b two\n");
	}
	ck_assert_str_eq(
	    find("{\"limit\":1,\"mailbox\":\"bob@b\",\"subject\":\"two\"}"),
	    "bob@b two\nbob@b two\nbob@b two\n");
	end();
}
END_TEST

START_TEST(a_message_that_goes_takes_no_other_with_it)
{
	char path[400], next[400];
	json_t *page;

	begin();
	for (int i = 0; i < 3; i++)
		deliver("ann@b", "one");
	page = ask("{\"limit\":1}", NULL);
	snprintf(path, sizeof path, "%s/b/ann/%s", root,
	    json_get_text(json_at(json_get(page, "messages"), 0), "file"));
	snprintf(next, sizeof next, "%s", json_get_text(page, "next"));
	ck_assert_int_eq(unlink(path), 0);
	json_free(&page);
	ck_assert_str_eq(
	    find("{\"mailbox\":\"ann@b\"}"), "ann@b one\nann@b one\n");
	page = ask("{}", next);
	ck_assert_uint_eq(json_len(json_get(page, "messages")), 2);
	json_free(&page);
	end();
}
END_TEST

START_TEST(what_is_found_is_described)
{
	const char *id;
	json_t *page, *m, *again;
	char params[80];

	begin();
	deliver("ann@b", "one");
	deliver("ann@b", "two");
	page = ask("{\"subject\":\"two\"}", NULL);
	m = json_at(json_get(page, "messages"), 0);
	ck_assert_str_eq(json_get_text(m, "folder"), "INBOX");
	ck_assert_str_eq(json_get_text(m, "from"), "ann@example.net");
	ck_assert_str_eq(json_get_text(m, "message_id"), "two@example.net");
	ck_assert_int_eq(json_get_int(m, "size", 0), 74);
	ck_assert_int_gt(json_get_int(m, "stored", 0), 1700000000);
	ck_assert_uint_eq(json_len(json_get(m, "flags")), 0);
	ck_assert(json_get(m, "date") == NULL);
	id = json_get_text(m, "id");
	snprintf(params, sizeof params, "{\"id\":\"%s\"}", id);
	again = ask(params, NULL);
	ck_assert_uint_eq(json_len(json_get(again, "messages")), 1);
	ck_assert_str_eq(
	    json_get_text(json_at(json_get(again, "messages"), 0), "subject"),
	    "two");
	json_free(&again);
	json_free(&page);
	end();
}
END_TEST

START_TEST(a_mailbox_is_searched_as_its_maildir_is)
{
	char path[200], moved[240];
	json_t *page, *m;

	begin();
	deliver("ann@b", "one");
	page = ask("{}", NULL);
	m = json_at(json_get(page, "messages"), 0);
	snprintf(
	    path, sizeof path, "%s/b/ann/%s", root, json_get_text(m, "file"));
	snprintf(moved, sizeof moved, "%s/b/ann/cur/%s:2,FS", root,
	    strrchr(path, '/') + 1);
	json_free(&page);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_str_eq(
	    find("{\"mailbox\":\"ann@b\",\"flags\":[\"unseen\"]}"), "");
	ck_assert_str_eq(
	    find("{\"mailbox\":\"ann@b\",\"flags\":[\"seen\",\"flagged\"]}"),
	    "ann@b one\n");
	end();
}
END_TEST

START_TEST(a_count_tells_messages_bytes_and_mailboxes)
{
	json_t *count;

	begin();
	deliver("ann@b", "one");
	deliver("ann@b", "two");
	deliver("bob@b", "one");
	deliver("bob@b", "six");
	deliver("eve@b", "six");
	count = ask("{\"count\":true,\"subject\":\"one\"}", NULL);
	ck_assert_int_eq(json_get_int(count, "messages", 0), 2);
	ck_assert_int_eq(json_get_int(count, "mailboxes", 0), 2);
	ck_assert_int_eq(json_get_int(count, "bytes", 0), 2 * 74);
	ck_assert(json_get(count, "next") == NULL);
	json_free(&count);
	count = ask("{\"count\":true}", NULL);
	ck_assert_int_eq(json_get_int(count, "messages", 0), 5);
	ck_assert_int_eq(json_get_int(count, "mailboxes", 0), 3);
	json_free(&count);
	end();
}
END_TEST

static void *
turn_page(void *next)
{
	return ask("{}", next);
}

/* The writer has changed what is searched and does not go on before the search
 * has ended. */
static int
search_meanwhile(struct index *index, void *next, struct fault *f)
{
	struct index_folder *folder = index_find_folder(index, "b/ann", "");
	struct record r = {.place = RECORD_NEW, .size = 1};
	void *page = NULL;
	pthread_t thread;
	int rc;

	rc = index_db_put_message(folder, str("9.x"), &r, f);
	ck_assert_int_eq(pthread_create(&thread, NULL, turn_page, next), 0);
	ck_assert_int_eq(pthread_join(thread, &page), 0);
	ck_assert_uint_ge(json_len(json_get(page, "messages")), 1);
	json_free((json_t **)&page);
	index_folder_release(&folder);
	return rc;
}

START_TEST(a_search_does_not_wait_for_the_writer)
{
	json_t *page;
	struct fault f;
	char next[400];

	begin();
	deliver("ann@b", "one");
	deliver("ann@b", "two");
	page = ask("{\"limit\":1}", NULL);
	snprintf(next, sizeof next, "%s", json_get_text(page, "next"));
	json_free(&page);
	ck_assert_int_eq(
	    index_run(store->index, search_meanwhile, next, &f), 0);
	end();
}
END_TEST

/* One byte of a file of the index is turned over; false behind its end. */
static bool
damage(const char *file, off_t at)
{
	char path[128], byte;
	bool is_there;
	int fd;

	snprintf(path, sizeof path, "%s/%s", index_dir, file);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	is_there = pread(fd, &byte, 1, at) == 1;
	byte = (char)~byte;
	if (is_there)
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
	return is_there;
}

START_TEST(a_damaged_index_is_mended_before_it_answers)
{
	static const char *const files[] = {"folders.db", "messages.db"};
	unsigned tried = 0;
	bool more = true;

	begin();
	for (unsigned i = 0; i < 60; i++)
		deliver("ann@b", "one");
	for (off_t page = 0; more; page++) {
		more = false;
		for (size_t i = 0; i < ARRAY_LEN(files); i++) {
			json_t *count;

			store_close(&store);
			if (damage(files[i], 100 + page * 8192)) {
				tried++;
				more = true;
			}
			open_it();
			count =
			    ask("{\"mailbox\":\"ann@b\",\"count\":true}", NULL);
			ck_assert_int_eq(
			    json_get_int(count, "messages", 0), 60);
			json_free(&count);
		}
	}
	ck_assert_uint_ge(tried, 4);
	end();
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	begin();
	ck_assert_str_eq(refusal("{\"limit\":0}"), "5.5.4");
	ck_assert_str_eq(refusal("{\"limit\":1001}"), "5.5.4");
	ck_assert_str_eq(refusal("{\"after\":\"?\"}"), "5.5.4");
	ck_assert_str_eq(refusal("{\"after\":\"YWJj\"}"), "5.5.4");
	ck_assert_str_eq(refusal("{\"domain\":\"no domain\"}"), "5.1.2");
	ck_assert_str_eq(refusal("{\"mailbox\":\"ann@none\"}"), "5.1.1");
	ck_assert_str_eq(
	    refusal("{\"mailbox\":\"ann@b\",\"domain\":\"b\"}"), "5.5.4");
	end();
}
END_TEST

UNIT_MAIN("search", all_mailboxes_are_searched_in_order,
    a_page_goes_on_where_the_one_before_ended,
    a_message_that_goes_takes_no_other_with_it, what_is_found_is_described,
    a_mailbox_is_searched_as_its_maildir_is,
    a_count_tells_messages_bytes_and_mailboxes,
    a_search_does_not_wait_for_the_writer,
    a_damaged_index_is_mended_before_it_answers, what_makes_no_sense_is_refused)
