/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/message.h"

#include <string.h>
#include <time.h>

#include "base/spool.h"
#include "tests/unit/unit.h"

static const struct trace_facts trace = {
    .dialect = DIALECT_SMTP,
    .esmtp = true,
    .tls = true,
    .authenticated = true,
    .helo = {"client.example", 14},
    .client_address = {"192.0.2.7", 9},
    .tls_version = "TLSv1.3",
    .tls_cipher = "TLS_AES_256_GCM_SHA384",
    .hostname = "mail.example.org",
    .id = "0123456789abcdef",
};

static struct message *
message_of(const char *text)
{
	struct message *m = message_new();
	struct fault f;

	message_open_body(m, "/tmp", 1 << 16);
	ck_assert_int_eq(message_write(m, str(text), &f), 0);
	return m;
}

/* The head of the message, in a static buffer. */
static const char *
head_of(struct message *m, bool complete)
{
	static char text[8192];
	struct buf head;

	buf_init(&head, sizeof text - 1);
	message_put_head(m, &trace, complete, &head);
	ck_assert(str_copy(buf_str(&head), text, sizeof text));
	buf_clear(&head);
	return text;
}

START_TEST(message_gets_an_id_of_ours)
{
	struct message *m = message_new();

	ck_assert(ident_is_ours(str(m->ident.text)));
	message_free(&m);
	ck_assert_ptr_null(m);
}
END_TEST

static const struct {
	const char *text, *id;
} ids[] = {
    {"Message-ID: <a@b>\r\n\r\nx", "a@b"},
    {"Subject: x\r\nmessage-id:\r\n <a@b> (c)\r\n\r\n", "a@b"},
    {"Subject: x\r\n\r\nMessage-ID: <a@b>\r\n", NULL},
    {"Message-ID: <>\r\n\r\n", NULL},
    {"", NULL},
};

START_TEST(message_tells_the_id_that_it_came_with)
{
	char id[MESSAGE_ID_SIZE], text[2000];
	struct message *m = message_new();

	ck_assert(!message_get_id(m, id));
	message_free(&m);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		m = message_of(ids[i].text);
		ck_assert_int_eq(message_get_id(m, id), ids[i].id != NULL);
		if (ids[i].id != NULL)
			ck_assert_str_eq(id, ids[i].id);
		message_free(&m);
	}
	/* The beginning of a long one. */
	memset(text, 'x', sizeof text - 1);
	memcpy(text, "Message-ID: <", 13);
	memcpy(text + sizeof text - 6, ">\r\n\r\n", 6);
	m = message_of(text);
	ck_assert(message_get_id(m, id));
	ck_assert_uint_eq(strlen(id), MESSAGE_ID_SIZE - 1);
	message_free(&m);
}
END_TEST

START_TEST(message_head_has_the_trace_field)
{
	struct message *m = message_of("Subject: x\r\n\r\nhello\r\n");
	const char *head = head_of(m, false);

	ck_assert_int_eq(strncmp(head, "Received: from client.example", 29), 0);
	ck_assert_ptr_nonnull(strstr(head, "192.0.2.7"));
	ck_assert_ptr_nonnull(strstr(head, "ESMTPSA"));
	ck_assert_ptr_nonnull(strstr(head, "TLSv1.3"));
	ck_assert_ptr_nonnull(strstr(head, "0123456789abcdef"));
	ck_assert_ptr_null(strstr(head, "Message-ID:"));
	ck_assert_ptr_null(strstr(head, "\r\n\r\n"));
	message_free(&m);
}
END_TEST

START_TEST(message_head_completes_a_submission)
{
	struct message *m = message_of("Subject: x\r\n\r\nDate: in body\r\n");
	const char *head = head_of(m, true);

	ck_assert_ptr_nonnull(strstr(head, "\r\nDate: "));
	ck_assert_ptr_nonnull(strstr(head, "\r\nMessage-ID: <"));
	ck_assert_ptr_nonnull(strstr(head, m->ident.text));
	message_free(&m);
}
END_TEST

START_TEST(message_head_leaves_what_is_there)
{
	struct message *m = message_of("date: Mon, 23 Nov 2026 17:05:38 +0000"
				       "\r\nMESSAGE-ID: <a@b>\r\n\r\nhi\r\n");
	const char *head = head_of(m, true);

	ck_assert_ptr_null(strstr(head, "Date: "));
	ck_assert_ptr_null(strstr(head, "Message-ID: "));
	message_free(&m);
}
END_TEST

START_TEST(message_that_begins_with_a_blank_does_not_extend_our_trace)
{
	struct message *m = message_of(" by forged.example\r\n\r\nhi\r\n");
	const char *head = head_of(m, false);
	size_t len = strlen(head);

	ck_assert_uint_gt(len, 4);
	ck_assert_str_eq(head + len - 4, "\r\n\r\n");
	message_free(&m);
}
END_TEST

START_TEST(message_body_may_pass_what_memory_holds)
{
	struct message *m = message_new();
	char line[102];
	struct fault f;

	memset(line, 'x', 100);
	line[100] = '\r';
	line[101] = '\n';
	message_open_body(m, "/tmp", 1000);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(
		    message_write(m, str_n(line, sizeof line), &f), 0);
	ck_assert_uint_eq(spool_size(m->body), 1000 * sizeof line);
	message_free(&m);
}
END_TEST

UNIT_MAIN("message", message_gets_an_id_of_ours,
    message_tells_the_id_that_it_came_with, message_head_has_the_trace_field,
    message_head_completes_a_submission, message_head_leaves_what_is_there,
    message_that_begins_with_a_blank_does_not_extend_our_trace,
    message_body_may_pass_what_memory_holds)
