/* SPDX-License-Identifier: ISC */
/* store/store.h: opening, closing, and what the operator asks. */
#include "config.h"

#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/delivery.h"
#include "tests/unit/store/committed.h"
#include "tests/unit/store/opened.h"
#include "tests/unit/unit.h"

static struct store *store;

static struct store *
open_store(struct fault *f)
{
	const struct store_conf conf = opened_conf();

	return store_open(&conf, f);
}

static void
begin(void)
{
	const struct store_conf conf = opened_conf();

	opened_make("store");
	store = opened(&conf);
}

static void
end(void)
{
	store_close(&store);
	ck_assert_ptr_null(store);
	place_remove(dir);
}

static void
deliver(const char *to)
{
	enum delivery_result rc = delivered(store, to, "Subject: x\r\n\r\n");

	ck_assert_int_eq(rc, DELIVERY_STORED);
}

/* The result as text, or the fault's code. */
static const char *
call(const char *method, const char *params)
{
	static char text[2000];
	const struct control_method *m = store_methods;
	json_t *json, *result;
	struct fault f;
	struct buf b;

	while (strcmp(m->name, method) != 0)
		m++;
	json = json_parse(str(params), &f);
	ck_assert_ptr_nonnull(json);
	result = m->call(store, json, &f);
	buf_init(&b, sizeof text - 1);
	if (result == NULL)
		buf_puts(&b, f.dsn);
	else
		json_format(&b, result);
	snprintf(text, sizeof text, "%s", buf_text(&b));
	buf_clear(&b);
	json_free(&json);
	json_free(&result);
	return text;
}

START_TEST(a_store_is_made_for_its_owner_alone)
{
	struct stat st;

	begin();
	ck_assert_int_eq(stat(root, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(index_dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_str_eq(store_conf(store)->root, root);
	end();
}
END_TEST

START_TEST(only_one_has_it_open)
{
	struct fault f = {0};

	begin();
	ck_assert_ptr_null(open_store(&f));
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.3.2");
	deliver("ann@b");
	store_close(&store);
	store_close(&store);
	store = open_store(&f);
	ck_assert_ptr_nonnull(store);
	end();
}
END_TEST

START_TEST(a_root_that_can_not_be_made_is_a_fault)
{
	struct fault f = {0};

	begin();
	store_close(&store);
	snprintf(root, sizeof root, "%s/none/mail", dir);
	ck_assert_ptr_null(open_store(&f));
	ck_assert_ptr_nonnull(strstr(f.text, root));
	snprintf(root, sizeof root, "%s/file", dir);
	close(open(root, O_CREAT | O_WRONLY, 0600));
	ck_assert_ptr_null(open_store(&f));
	end();
}
END_TEST

START_TEST(the_operator_sees_all_mailboxes)
{
	begin();
	ck_assert_str_eq(call("mailbox.list", "{}"), "{\"mailboxes\":[]}");
	deliver("ann@b");
	deliver("ann@b");
	deliver("bob@c");
	ck_assert_str_eq(call("mailbox.list", "{}"),
	    "{\"mailboxes\":["
	    "{\"mailbox\":\"ann@b\",\"folders\":1,\"messages\":2,"
	    "\"unseen\":2,\"bytes\":24},"
	    "{\"mailbox\":\"bob@c\",\"folders\":1,\"messages\":1,"
	    "\"unseen\":1,\"bytes\":12}]}");
	ck_assert_str_eq(call("mailbox.list", "{\"domain\":\"c\"}"),
	    "{\"mailboxes\":["
	    "{\"mailbox\":\"bob@c\",\"folders\":1,\"messages\":1,"
	    "\"unseen\":1,\"bytes\":12}]}");
	end();
}
END_TEST

START_TEST(the_operator_turns_pages)
{
	begin();
	deliver("ann@b");
	deliver("ann.x@b");
	deliver("bob@c");
	ck_assert_str_eq(call("mailbox.list", "{\"limit\":2}"),
	    "{\"mailboxes\":["
	    "{\"mailbox\":\"ann@b\",\"folders\":1,\"messages\":1,"
	    "\"unseen\":1,\"bytes\":12},"
	    "{\"mailbox\":\"ann.x@b\",\"folders\":1,\"messages\":1,"
	    "\"unseen\":1,\"bytes\":12}],\"next\":\"ann.x@b\"}");
	ck_assert_str_eq(
	    call("mailbox.list", "{\"limit\":2,\"after\":\"ann.x@b\"}"),
	    "{\"mailboxes\":["
	    "{\"mailbox\":\"bob@c\",\"folders\":1,\"messages\":1,"
	    "\"unseen\":1,\"bytes\":12}]}");
	ck_assert_str_eq(call("mailbox.list", "{\"after\":\"bob@c\"}"),
	    "{\"mailboxes\":[]}");
	deliver("eve@b2");
	ck_assert_str_eq(
	    call("mailbox.list", "{\"domain\":\"b\",\"after\":\"ann@b\"}"),
	    "{\"mailboxes\":["
	    "{\"mailbox\":\"ann.x@b\",\"folders\":1,\"messages\":1,"
	    "\"unseen\":1,\"bytes\":12}]}");
	ck_assert_str_eq(
	    call("mailbox.list", "{\"domain\":\"b\",\"after\":\"eve@b2\"}"),
	    "{\"mailboxes\":[]}");
	ck_assert_str_eq(call("mailbox.list", "{\"limit\":0}"), "5.5.4");
	ck_assert_str_eq(call("mailbox.list", "{\"after\":\"../x\"}"), "5.1.3");
	end();
}
END_TEST

/* A message of four bytes, named for a time that long ago. */
static void
put_file(const char *rest, int64_t seconds_ago)
{
	char path[200];

	snprintf(path, sizeof path, "%s/b.example/ann/cur/%lld%s", root,
	    (long long)(time(NULL) - seconds_ago), rest);
	place_write(AT_FDCWD, path, "a:b\n");
}

START_TEST(the_operator_looks_into_one)
{
	begin();
	deliver("ann@b.example");
	put_file(".x:2,S", 400 * 86400);
	put_file(".y:2,", 20 * 86400);
	put_file("odd:2,", 0);
	ck_assert_ptr_nonnull(
	    strstr(call("mailbox.stat", "{\"mailbox\":\"Ann@B.example\"}"),
		"{\"mailbox\":\"ann@b.example\",\"messages\":4,\"unseen\":3,"
		"\"bytes\":24,\"oldest\":"));
	ck_assert_ptr_nonnull(strstr(
	    call("mailbox.stat", "{\"mailbox\":\"ann@b.example\"}"),
	    "\"messages_7d\":1,\"bytes_7d\":12,\"messages_30d\":2,"
	    "\"bytes_30d\":16,\"folders\":[{\"folder\":\"INBOX\",\"messages\":4"));
	ck_assert_str_eq(call("mailbox.stat", "{}"), "5.5.4");
	ck_assert_str_eq(
	    call("mailbox.stat", "{\"mailbox\":\"bob@b.example\"}"), "5.1.1");
	ck_assert_str_eq(
	    call("mailbox.verify", "{\"mailbox\":\"bob@b.example\"}"), "5.1.1");
	ck_assert_str_eq(
	    call("mailbox.stat", "{\"mailbox\":\"../x@b.example\"}"), "5.1.3");
	end();
}
END_TEST

START_TEST(the_operator_verifies_and_rebuilds)
{
	char path[128];

	begin();
	deliver("ann@b");
	ck_assert_str_eq(call("mailbox.verify", "{}"),
	    "{\"folders\":1,\"messages\":1,\"damaged\":0,\"missing\":0,"
	    "\"stale\":0,\"changed\":0,\"ok\":true}");
	snprintf(path, sizeof path, "%s/b/ann/cur/1.x,S=9:2,S", root);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	ck_assert_str_eq(call("mailbox.verify", "{}"),
	    "{\"folders\":1,\"messages\":2,\"damaged\":1,\"missing\":1,"
	    "\"stale\":0,\"changed\":0,\"ok\":false}");
	ck_assert_str_eq(call("mailbox.rebuild", "{}"),
	    "{\"folders\":1,\"messages\":2,\"damaged\":1}");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_str_eq(call("mailbox.verify", "{}"),
	    "{\"folders\":1,\"messages\":1,\"damaged\":0,\"missing\":0,"
	    "\"stale\":1,\"changed\":0,\"ok\":false}");
	end();
}
END_TEST

START_TEST(a_hold_is_set_at_once_and_is_written_down)
{
	char held[300];
	const char *text;

	begin();
	snprintf(held, sizeof held, "%s/b/ann/posthouse/held/cur", root);
	ck_assert_str_eq(
	    call("mailbox.hold", "{\"mailbox\": \"ann@b\"}"), "5.1.1");
	deliver("ann@b");
	ck_assert_str_eq(call("mailbox.hold",
			     "{\"mailbox\": \"ann@b\", \"why\": \"case 12\"}"),
	    "{\"changed\":true,\"messages\":1}");
	ck_assert_uint_eq(place_list(held, NULL, 0), 1);
	/* The folder was open for deliveries before. */
	deliver("ann@b");
	ck_assert_uint_eq(place_list(held, NULL, 0), 2);
	ck_assert_str_eq(call("mailbox.hold", "{\"mailbox\": \"ann@b\"}"),
	    "{\"changed\":false,\"messages\":0}");
	ck_assert_str_eq(
	    call("mailbox.hold", "{\"mailbox\": \"ann@b\", \"on\": false}"),
	    "{\"changed\":true,\"messages\":0}");
	deliver("ann@b");
	ck_assert_uint_eq(place_list(held, NULL, 0), 0);
	text = call("audit.list", "{\"name\": \"ann@b\"}");
	ck_assert_ptr_nonnull(strstr(text, "\"mailbox.hold\""));
	ck_assert_ptr_nonnull(strstr(text, "\"case 12\""));
	ck_assert_ptr_nonnull(strstr(text, "\"mailbox.release\""));
	end();
}
END_TEST

START_TEST(what_was_done_is_listed_by_pages)
{
	char after[100];
	const char *text;

	begin();
	store_set_caller(store, 4123456789);
	ck_assert_str_eq(call("audit.add", "{}"), "5.5.4");
	ck_assert_str_eq(
	    call("audit.add", "{\"what\": \"user.add\"}"), "5.5.4");
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(
		    call("audit.add",
			"{\"what\": \"mailbox.delete\", \"name\": \"ann@b\"}"),
		    "{}");
	text = call("audit.list", "{\"limit\": 2}");
	ck_assert_ptr_nonnull(strstr(text, "\"next\":\"2\""));
	ck_assert_ptr_nonnull(strstr(text, "\"who\":\"uid-4123456789\""));
	snprintf(after, sizeof after, "{\"limit\": 2, \"after\": \"2\"}");
	text = call("audit.list", after);
	ck_assert_ptr_nonnull(strstr(text, "mailbox.delete"));
	ck_assert_ptr_null(strstr(text, "next"));
	ck_assert_str_eq(
	    call("audit.list", "{\"name\": \"bob@b\"}"), "{\"entries\":[]}");
	ck_assert_str_eq(
	    call("audit.list", "{\"since\": 99999999999}"), "{\"entries\":[]}");
	ck_assert_str_eq(call("audit.list", "{\"after\": \"x\"}"), "5.5.4");
	ck_assert_str_eq(call("audit.list", "{\"limit\": 0}"), "5.5.4");
	end();
}
END_TEST

UNIT_MAIN("store", a_store_is_made_for_its_owner_alone, only_one_has_it_open,
    a_root_that_can_not_be_made_is_a_fault, the_operator_sees_all_mailboxes,
    the_operator_turns_pages, the_operator_looks_into_one,
    the_operator_verifies_and_rebuilds,
    a_hold_is_set_at_once_and_is_written_down, what_was_done_is_listed_by_pages)
