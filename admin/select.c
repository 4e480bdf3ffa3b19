/* SPDX-License-Identifier: ISC */
/* Options to parameters, and page after page. */
#include "config.h"

#include "admin/select.h"

#include "admin/trace_filter.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

enum { HELP_WIDTH = 78 };

bool
select_put_usage(struct buf *b, const char *args)
{
	const char *at = strstr(args, SELECT_USAGE);

	if (at == NULL) {
		buf_puts(b, args);
		return false;
	}
	buf_put(b, args, (size_t)(at - args));
	buf_puts(b, "[SELECTION]");
	buf_puts(b, at + strlen(SELECT_USAGE));
	return true;
}

void
select_print_help(FILE *out)
{
	struct str rest = STR_LIT(SELECT_USAGE);
	size_t column = 0;

	fputs("SELECTION, all of which must hold:", out);
	while (rest.len > 0) {
		struct str option = str_from(str_cut(&rest, ']'), 1);

		rest = str_trim(rest);
		if (column == 0 || column + option.len + 3 > HELP_WIDTH) {
			fputs("\n   ", out);
			column = 3;
		}
		fprintf(out, " [%.*s]", STR_ARG(option));
		column += option.len + 3;
	}
	fputc('\n', out);
}

struct select_option {
	const char *option, *key;
	int (*put)(json_t *params, const struct select_option *o,
	    const char *value, struct fault *f);
};

static int
put_text(json_t *params, const struct select_option *o, const char *value,
    struct fault *f)
{
	(void)f;
	json_put_text(params, o->key, value);
	return 0;
}

static int
put_time(json_t *params, const struct select_option *o, const char *value,
    struct fault *f)
{
	int64_t us;

	if (!trace_parse_when(str(value), clock_unix_us(), false, &us))
		return fault_perm(f, "5.5.4",
		    "--%s: \"%.40s\" is no time: write \"2026-11-23\", "
		    "\"2026-11-23 17:05\" or \"30d\" for 30 days ago",
		    o->option, value);
	json_put_int(params, o->key, us / 1000000);
	return 0;
}

static bool
parse_size(struct str text, uint64_t *size)
{
	static const char units[] = "KMG";
	const char *unit = NULL;
	unsigned shift = 0;

	if (text.len > 0)
		unit = strchr(units, text.at[text.len - 1] & ~0x20);
	if (unit != NULL && *unit != '\0') {
		shift = 10 * (unsigned)(unit - units + 1);
		text.len--;
	}
	if (!str_to_u64(text, 0, (uint64_t)INT64_MAX >> shift, size))
		return false;
	*size <<= shift;
	return true;
}

static int
put_size(json_t *params, const struct select_option *o, const char *value,
    struct fault *f)
{
	uint64_t size;

	if (!parse_size(str(value), &size))
		return fault_perm(f, "5.5.4",
		    "--%s: \"%.40s\" is no size: write bytes, or 512K, 50M, 1G",
		    o->option, value);
	json_put_int(params, o->key, (int64_t)size);
	return 0;
}

/* "seen,unflagged" */
static int
put_list(json_t *params, const struct select_option *o, const char *value,
    struct fault *f)
{
	json_t *words = json_new_array();
	struct str rest = str(value);

	(void)f;
	while (rest.at != NULL)
		json_add_str(words, str_trim(str_cut(&rest, ',')));
	json_put(params, o->key, words);
	return 0;
}

static int
put_bool(json_t *params, const struct select_option *o, const char *value,
    struct fault *f)
{
	bool yes = strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0)
		return fault_perm(f, "5.5.4", "--%s: yes or no", o->option);
	json_put_bool(params, o->key, yes);
	return 0;
}

static const struct select_option options[] = {
    {"id", "id", put_text},
    {"from", "from", put_text},
    {"to", "to", put_text},
    {"subject", "subject", put_text},
    {"message-id", "message_id", put_text},
    {"list-id", "list_id", put_text},
    {"folder", "folder", put_text},
    {"since", "since", put_time},
    {"before", "before", put_time},
    {"sent-since", "sent_since", put_time},
    {"sent-before", "sent_before", put_time},
    {"larger", "larger", put_size},
    {"smaller", "smaller", put_size},
    {"flags", "flags", put_list},
    {"attachments", "attachments", put_bool},
    {"spam", "spam", put_text},
    {"digest", "digest", put_text},
    {"body", "body", put_text},
};

bool
select_is_given(const struct cmd_line *line)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (cmd_option(line, options[i].option) != NULL)
			return true;
	return false;
}

json_t *
select_params(const struct cmd_line *line, const char *which, struct fault *f)
{
	json_t *params = json_new_object();

	if (which != NULL && which[0] == '@')
		json_put_text(params, "domain", which + 1);
	else if (which != NULL)
		json_put_text(params, "mailbox", which);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct select_option *o = &options[i];
		const char *value = cmd_option(line, o->option);

		if (value == NULL || o->put(params, o, value, f) == 0)
			continue;
		json_free(&params);
		return NULL;
	}
	return params;
}

/* Pages. */

static int
give_page(const json_t *page,
    int (*each)(void *ctx, const json_t *message, struct fault *f), void *ctx,
    struct fault *f)
{
	const json_t *messages = json_get(page, "messages");
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_len(messages); i++)
		rc = each(ctx, json_at(messages, i), f);
	return rc;
}

/* Whether there is more, which params then ask for. */
static bool
ask_next(json_t *params, const json_t *page)
{
	const char *next = json_get_text(page, "next");

	if (next != NULL)
		json_put_text(params, "after", next);
	return next != NULL;
}

int
select_each(struct call *call, json_t *params,
    int (*each)(void *ctx, const json_t *message, struct fault *f), void *ctx,
    struct fault *f)
{
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		json_t *page = call_method(call, "mailbox.search", params, f);

		if (page == NULL)
			return -1;
		rc = give_page(page, each, ctx, f);
		more = ask_next(params, page);
		json_free(&page);
	}
	return rc;
}

int
select_count(struct call *call, json_t *params, struct select_count *count,
    struct fault *f)
{
	bool more = true;

	*count = (struct select_count){0};
	json_put_bool(params, "count", true);
	while (more) {
		json_t *page = call_method(call, "mailbox.search", params, f);

		if (page == NULL)
			return -1;
		count->messages += (uint64_t)json_get_int(page, "messages", 0);
		count->bytes += (uint64_t)json_get_int(page, "bytes", 0);
		count->mailboxes +=
		    (uint64_t)json_get_int(page, "mailboxes", 0);
		more = ask_next(params, page);
		json_free(&page);
	}
	return 0;
}
