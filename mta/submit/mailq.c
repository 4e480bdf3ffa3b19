/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/mailq.h"

#include <string.h>
#include <time.h>

#include "base/control.h"
#include "base/str.h"

enum { RECIPIENT_COLUMN = 41, WAIT_MS = 60000, MESSAGE_MAX = 64 << 10 };

static const char *
put_recipient(struct buf *b, const json_t *r, const char *last)
{
	const char *reason = json_get_text(r, "reason");

	if (strcmp(json_get_text(r, "state") == NULL
		       ? ""
		       : json_get_text(r, "state"),
		"waiting") != 0)
		return last;
	/* Once for all recipients in a row that wait for the same. */
	if (reason != NULL && (last == NULL || strcmp(reason, last) != 0)) {
		buf_puts(b, "    (");
		buf_put_shown(b, reason);
		buf_puts(b, ")\n");
	}
	buf_putf(b, "%*s", RECIPIENT_COLUMN, "");
	buf_put_shown(b, json_get_text(r, "recipient"));
	buf_putc(b, '\n');
	return reason;
}

void
mailq_put(struct buf *b, const json_t *message)
{
	const char *id = json_get_text(message, "id");
	const char *sender = json_get_text(message, "sender");
	const json_t *rcpts = json_get(message, "recipients");
	time_t t = (time_t)(json_get_int(message, "arrived", 0) / 1000);
	const char *last = NULL;
	int64_t total;
	char date[32];
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(date, sizeof date, "%a %b %e %H:%M:%S", &tm) == 0)
		date[0] = '\0';
	buf_putf(b, "%s%c %8lld %s  ", id == NULL ? "?" : id,
	    json_get_bool(message, "held", false) ? '!' : ' ',
	    (long long)json_get_int(message, "size", 0), date);
	buf_put_shown(
	    b, sender == NULL || sender[0] == '\0' ? "MAILER-DAEMON" : sender);
	buf_putc(b, '\n');
	for (size_t i = 0; i < json_len(rcpts); i++)
		last = put_recipient(b, json_at(rcpts, i), last);
	total = json_get_int(message, "total", 0) - (int64_t)json_len(rcpts);
	if (total > 0)
		buf_putf(b, "%*s(%lld more)\n", RECIPIENT_COLUMN, "",
		    (long long)total);
	buf_putc(b, '\n');
}

struct sums {
	int64_t messages, bytes;
};

static void
print_page(FILE *out, const json_t *page, struct sums *sums)
{
	const json_t *messages = json_get(page, "messages");

	for (size_t i = 0; i < json_len(messages); i++) {
		const json_t *m = json_at(messages, i);
		struct buf b;

		if (sums->messages++ == 0)
			fputs("----Queue ID----- --Size-- ---Arrival Time--- "
			      "-Sender/Recipient------\n",
			    out);
		sums->bytes += json_get_int(m, "size", 0);
		buf_init(&b, MESSAGE_MAX);
		mailq_put(&b, m);
		fwrite(buf_text(&b), 1, buf_len(&b), out);
		buf_clear(&b);
	}
}

int
mailq_list(FILE *out, const char *control, struct fault *f)
{
	json_t *params = json_new_object();
	struct sums sums = {0};
	bool more = true;
	int rc = -1;

	while (more) {
		json_t *page = control_request_within(
		    control, "queue.list", params, WAIT_MS, f);
		const char *next;

		if (page == NULL)
			goto out;
		print_page(out, page, &sums);
		next = json_get_text(page, "next");
		more = next != NULL && !ferror(out);
		if (more)
			json_put_text(params, "from", next);
		json_free(&page);
	}
	rc = 0;
	if (sums.messages == 0)
		fputs("Mail queue is empty\n", out);
	else
		fprintf(out, "-- %lld Kbytes in %lld Request%s.\n",
		    (long long)(sums.bytes + 1023) / 1024,
		    (long long)sums.messages, sums.messages == 1 ? "" : "s");
out:
	json_free(&params);
	return rc;
}

int
mailq_flush(
    const char *control, const char *id, const char *domain, struct fault *f)
{
	json_t *params = json_new_object(), *result;

	if (id != NULL)
		json_put_text(params, "id", id);
	if (domain != NULL)
		json_put_text(params, "domain", domain);
	result = control_request_within(control,
	    id != NULL ? "queue.retry" : "queue.flush", params, WAIT_MS, f);
	json_free(&params);
	if (result == NULL)
		return -1;
	json_free(&result);
	return 0;
}
