/* SPDX-License-Identifier: ISC */
/*
 * Comparing what is looked for with lines as they are written: what was asked
 * for is escaped once, so that no line need be unescaped.
 */
#include "config.h"

#include "admin/trace_filter.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WANTED_MAX = 4096, CUT_LEN = 3, NEEDLE_MAX = 400 };

void
trace_escape(struct buf *b, struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];

		if (c == '"' || c == '\\')
			buf_putf(b, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			buf_putf(b, "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void
trace_unescape(struct buf *b, struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		int high, low;

		if (value.at[i] != '\\' || i + 1 == value.len) {
			buf_putc(b, value.at[i]);
			continue;
		}
		i++;
		high = value.len - i > 2 ? hex_digit(value.at[i + 1]) : -1;
		low = value.len - i > 2 ? hex_digit(value.at[i + 2]) : -1;
		if (value.at[i] != 'x' || high < 0 || low < 0) {
			buf_putc(b, value.at[i]);
			continue;
		}
		buf_putc(b, (char)(high << 4 | low));
		i += 2;
	}
}

/* Times. */

static bool
parse_ago(struct str text, int64_t now, int64_t *us)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = {1, 60, 3600, 86400};
	const char *unit;
	uint64_t n;

	if (text.len < 2)
		return false;
	unit = strchr(units, text.at[text.len - 1]);
	if (unit == NULL || *unit == '\0' ||
	    !str_to_u64(str_head(text, text.len - 1), 0, 1000000, &n))
		return false;
	*us = now - (int64_t)n * seconds[unit - units] * 1000000;
	return true;
}

/* *micro is what stands behind a dot, else 0. */
static bool
take_fraction(struct str *text, int64_t *micro)
{
	int64_t unit = 100000;

	*micro = 0;
	if (!str_starts(*text, STR_LIT(".")))
		return true;
	for (*text = str_from(*text, 1);
	     text->len > 0 && *text->at >= '0' && *text->at <= '9';
	     *text = str_from(*text, 1), unit /= 10)
		*micro += (*text->at - '0') * unit;
	return true;
}

/* The longest form that fits; *length is the span that it names, in seconds;
 * 0 where it has a fraction. */
static bool
parse_date(struct str text, struct tm *tm, int64_t *micro, int64_t *length)
{
	static const struct {
		const char *format;
		int64_t length;
	} forms[] = {{"%Y-%m-%dT%H:%M:%S", 1}, {"%Y-%m-%d %H:%M:%S", 1},
	    {"%Y-%m-%dT%H:%M", 60}, {"%Y-%m-%d %H:%M", 60},
	    {"%Y-%m-%d", 86400}};
	char copy[64];

	if (!str_copy(text, copy, sizeof copy))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *end;
		struct str rest;

		*tm = (struct tm){.tm_isdst = -1};
		end = strptime(copy, forms[i].format, tm);
		if (end == NULL)
			continue;
		rest = str(end);
		*length = forms[i].length;
		if (*length == 1 && rest.len > 0 && *end == '.')
			*length = 0;
		if (*length <= 1 && !take_fraction(&rest, micro))
			return false;
		return rest.len == 0;
	}
	return false;
}

bool
trace_parse_when(struct str text, int64_t now, bool last, int64_t *us)
{
	int64_t micro = 0, length;
	struct tm tm;
	bool utc;

	if (parse_ago(text, now, us))
		return true;
	utc = str_ends(text, STR_LIT("Z"));
	if (utc)
		text.len--;
	if (!parse_date(text, &tm, &micro, &length))
		return false;
	*us = (int64_t)(utc ? timegm(&tm) : mktime(&tm)) * 1000000 + micro;
	if (last && length > 0)
		*us += length * 1000000 - 1;
	return true;
}

/* What is asked for. */

static void
set(struct buf *b, const char *value)
{
	if (value != NULL)
		trace_escape(b, str(value));
}

/* "::1" and "0:0::1" are the same client. */
static void
set_client(struct buf *b, const char *value)
{
	unsigned char binary[16];
	char text[INET6_ADDRSTRLEN];

	if (value != NULL && inet_pton(AF_INET6, value, binary) == 1 &&
	    inet_ntop(AF_INET6, binary, text, sizeof text) != NULL)
		value = text;
	set(b, value);
}

static struct str
without_brackets(struct str s)
{
	if (s.len > 2 && s.at[0] == '<' && s.at[s.len - 1] == '>')
		return str_n(s.at + 1, s.len - 2);
	return s;
}

static void
set_bare(struct buf *b, const char *value)
{
	if (value != NULL)
		trace_escape(b, without_brackets(str(value)));
}

/* Addresses compare without case, but the domain stands in lower case in each
 * line: that much can be searched for. */
static void
set_needle(struct trace_filter *filter)
{
	const struct buf *exact[] = {
	    &filter->id, &filter->message_id, &filter->client};
	struct str address = buf_str(&filter->address);
	size_t at = str_find_last(address, '@');

	for (size_t i = 0; i < ARRAY_LEN(exact); i++) {
		if (buf_len(exact[i]) > buf_len(&filter->needle)) {
			buf_reset(&filter->needle);
			/* A longer value is cut in the log. */
			buf_put_str(&filter->needle,
			    str_head(buf_str(exact[i]), NEEDLE_MAX));
		}
	}
	if (buf_len(&filter->needle) > 0 || at == address.len)
		return;
	for (address = str_from(address, at); address.len > 0;
	     address = str_from(address, 1)) {
		char c = *address.at;

		buf_putc(&filter->needle,
		    (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
	}
}

int
trace_filter_init(struct trace_filter *filter,
    const struct trace_wanted *wanted, int64_t now, struct fault *f)
{
	struct buf *all[] = {&filter->word, &filter->id, &filter->message_id,
	    &filter->address, &filter->client, &filter->needle};
	const struct {
		const char *name, *text;
		int64_t *us;
	} times[] = {{"since", wanted->since, &filter->since},
	    {"until", wanted->until, &filter->until}};
	bool any = false;

	*filter = (struct trace_filter){0};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_init(all[i], WANTED_MAX);
	set_bare(&filter->word, wanted->word);
	set(&filter->id, wanted->id);
	set_bare(&filter->message_id, wanted->message_id);
	set_bare(&filter->address, wanted->address);
	set_client(&filter->client, wanted->client);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		any = any || buf_len(all[i]) > 0;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		if (times[i].text == NULL)
			continue;
		any = true;
		if (!trace_parse_when(
			str(times[i].text), now, i == 1, times[i].us))
			return fault_perm(f, "5.5.4",
			    "--%s: \"%.40s\" is no time: write \"2026-11-23 "
			    "17:05\" or \"2h\" for two hours ago",
			    times[i].name, times[i].text);
	}
	if (!any)
		return fault_perm(f, "5.5.4",
		    "trace what? An id, a Message-ID, an address or a client; "
		    "\"posthouse trace -h\" shows all");
	set_needle(filter);
	return 0;
}

void
trace_filter_clear(struct trace_filter *filter)
{
	struct buf *all[] = {&filter->word, &filter->id, &filter->message_id,
	    &filter->address, &filter->client, &filter->needle};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_clear(all[i]);
}

/* Comparing. */

/* A long value is cut in the log: then its beginning decides. */
static bool
is_same(struct str value, struct str wanted)
{
	if (str_ends(value, STR_LIT("...")) && value.len < wanted.len)
		return str_starts(wanted, str_head(value, value.len - CUT_LEN));
	return str_is(value, wanted);
}

static bool
is_address(struct str value, struct str wanted)
{
	if (wanted.at[0] == '@' && value.len > wanted.len)
		value = str_from(value, value.len - wanted.len);
	return str_is_nocase(value, wanted);
}

static bool
is_one_of(struct str key, const char *const *names)
{
	while (*names != NULL && !str_is(key, str(*names)))
		names++;
	return *names != NULL;
}

/* What was found of what is wanted; nothing is wanted of what is empty. */
struct found {
	bool word, message_id, address, client;
};

static void
look_at_field(const struct trace_filter *filter, struct str key,
    struct str value, struct found *found)
{
	static const char *const addresses[] = {"from", "to", "user", NULL};
	struct str word = buf_str(&filter->word);

	if (str_is(key, STR_LIT("client"))) {
		if (str_is_nocase(value, buf_str(&filter->client)))
			found->client = true;
		if (str_is_nocase(value, word))
			found->word = true;
	} else if (str_is(key, STR_LIT("message_id"))) {
		if (is_same(value, buf_str(&filter->message_id)))
			found->message_id = true;
		if (word.len > 0 && is_same(value, word))
			found->word = true;
	} else if (is_one_of(key, addresses)) {
		if (buf_len(&filter->address) > 0 &&
		    is_address(value, buf_str(&filter->address)))
			found->address = true;
		if (word.len > 0 && is_address(value, word))
			found->word = true;
	}
}

static bool
is_id(const struct journal_event *e, struct str id)
{
	return str_is(e->message, id) || str_is(e->session, id);
}

bool
trace_filter_matches(
    const struct trace_filter *filter, const struct journal_event *event)
{
	struct str fields = event->fields, key, value;
	struct found found = {
	    .word = buf_len(&filter->word) == 0,
	    .message_id = buf_len(&filter->message_id) == 0,
	    .address = buf_len(&filter->address) == 0,
	    .client = buf_len(&filter->client) == 0,
	};

	if (buf_len(&filter->id) > 0 && !is_id(event, buf_str(&filter->id)))
		return false;
	if (!found.word && is_id(event, buf_str(&filter->word)))
		found.word = true;
	while (!(found.word && found.message_id && found.address &&
		   found.client) &&
	       journal_next_field(&fields, &key, &value))
		look_at_field(filter, key, value, &found);
	return found.word && found.message_id && found.address && found.client;
}
