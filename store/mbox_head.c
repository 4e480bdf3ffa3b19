/* SPDX-License-Identifier: ISC */
/* What mail programs write into the header section of a message in an mbox for
 * themselves: ours, and those of UW's and Dovecot's, mutt's, Thunderbird's and
 * Gmail's files. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "store/mbox_private.h"

#include "proto/header.h"

/* Flags are gathered as letters in this order, which is Maildir's. */
static const char letters[] = "DFPRST";

struct gathered {
	bool has[sizeof letters];
	bool is_old;
};

static void
raise_flag(struct gathered *g, char letter)
{
	const char *at = strchr(letters, letter);

	if (at != NULL && *at != '\0')
		g->has[at - letters] = true;
}

static void
give_flags(const struct gathered *g, struct mbox_message *message)
{
	size_t n = 0;

	for (size_t i = 0; letters[i] != '\0'; i++)
		if (g->has[i])
			message->flags[n++] = letters[i];
	message->flags[n] = '\0';
	message->is_new = !g->is_old && n == 0;
}

static void
read_status(struct gathered *g, struct str value)
{
	g->is_old = g->is_old || str_has(value, 'O') || str_has(value, 'R');
	if (str_has(value, 'R'))
		raise_flag(g, 'S');
	if (str_has(value, 'D'))
		raise_flag(g, 'T');
}

static void
read_x_status(struct gathered *g, struct str value)
{
	static const char pairs[][2] = {
	    {'A', 'R'}, {'F', 'F'}, {'D', 'T'}, {'T', 'D'}, {'P', 'P'}};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (str_has(value, pairs[i][0]))
			raise_flag(g, pairs[i][1]);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Thunderbird's: four hexadecimal digits. True where it is marked as removed,
 * to be left out when the file is compacted. */
static bool
read_mozilla(struct gathered *g, struct str value)
{
	unsigned bits = 0;

	value = str_trim(value);
	for (size_t i = 0; i < value.len && i < 4; i++) {
		int digit = hex_digit(value.at[i]);

		if (digit < 0)
			return false;
		bits = bits << 4 | (unsigned)digit;
	}
	g->is_old = true;
	if (bits & 0x1)
		raise_flag(g, 'S');
	if (bits & 0x2)
		raise_flag(g, 'R');
	if (bits & 0x4)
		raise_flag(g, 'F');
	if (bits & 0x1000)
		raise_flag(g, 'P');
	return (bits & 0x8) != 0;
}

/* "Inbox,Unread,Starred" */
static void
read_gmail(struct gathered *g, struct str value)
{
	bool unread = false;

	while (value.len > 0) {
		struct str label = str_trim(str_cut(&value, ','));

		if (str_is_nocase(label, STR_LIT("Unread")))
			unread = true;
		else if (str_is_nocase(label, STR_LIT("Starred")))
			raise_flag(g, 'F');
		else if (str_is_nocase(label, STR_LIT("Drafts")))
			raise_flag(g, 'D');
	}
	g->is_old = true;
	if (!unread)
		raise_flag(g, 'S');
}

/* Ours. */

/* Takes "NAME: value" LF off *rest. */
static bool
take_ours(struct str *rest, struct str name, struct str *value)
{
	struct str after = *rest;

	if (!str_starts(after, name))
		return false;
	*value = str_from(str_cut(&after, '\n'), name.len);
	if (after.at == NULL)
		return false;
	*rest = after;
	return true;
}

static bool
read_ours(struct str *rest, struct mbox_message *message)
{
	struct str x_status, status, folder;
	struct gathered g = {.is_old = false};

	if (!take_ours(rest, STR_LIT("X-Status: "), &x_status) ||
	    !take_ours(rest, STR_LIT("Status: "), &status) ||
	    !take_ours(rest, STR_LIT("X-Folder: "), &folder))
		return false;
	read_x_status(&g, x_status);
	read_status(&g, status);
	give_flags(&g, message);
	message->is_new = !g.is_old;
	if (str_is(folder, STR_LIT("INBOX")) ||
	    !str_copy(folder, message->folder, sizeof message->folder))
		message->folder[0] = '\0';
	return true;
}

/* Others'. */

static bool
is_private(struct str name)
{
	static const char *const names[] = {"Status", "X-Status", "X-UID",
	    "X-Keywords", "X-IMAP", "X-IMAPbase", "X-Mozilla-Status",
	    "X-Mozilla-Status2", "X-Mozilla-Keys"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is_nocase(name, str(names[i])))
			return true;
	return false;
}

static void
read_field(struct mbox_head *head, struct gathered *g,
    const struct header_field *field, time_t *date)
{
	struct str name = field->name, value = str_trim(field->value);

	if (str_is_nocase(name, STR_LIT("Status")))
		read_status(g, value);
	else if (str_is_nocase(name, STR_LIT("X-Status")))
		read_x_status(g, value);
	else if (str_is_nocase(name, STR_LIT("X-Mozilla-Status")))
		head->is_dropped = read_mozilla(g, value) || head->is_dropped;
	else if (str_is_nocase(name, STR_LIT("X-Gmail-Labels")))
		read_gmail(g, value);
	else if (str_is_nocase(name, STR_LIT("Content-Length")))
		head->has_length =
		    str_to_u64(value, 0, INT64_MAX, &head->content_length);
	else if (str_is_nocase(name, STR_LIT("Date")) &&
		 !header_parse_date(value, date))
		*date = 0;
}

/* What UW's programs put first into each file. */
static bool
is_folder_data(struct str fields)
{
	struct header_field subject, imap;

	return (header_find(fields, "X-IMAP", &imap) ||
		   header_find(fields, "X-IMAPbase", &imap)) &&
	       header_find(fields, "Subject", &subject) &&
	       str_starts(str_trim(subject.value),
		   STR_LIT("DON'T DELETE THIS MESSAGE"));
}

void
mbox_read_head(
    struct mbox_head *head, struct mbox_message *message, struct buf *own)
{
	struct str rest = head->fields, here;
	struct gathered g = {.is_old = false};
	struct header_field field;
	time_t date = 0;

	head->is_dropped = head->has_length = false;
	message->folder[0] = '\0';
	if (read_ours(&rest, message)) {
		buf_put_str(own, rest);
		return;
	}
	rest = head->fields;
	for (here = rest; header_next(&rest, &field); here = rest) {
		read_field(head, &g, &field, &date);
		if (!is_private(field.name))
			buf_put_str(own, field.whole);
	}
	/* The empty line, or whatever is no field. */
	buf_put_str(own, here);
	give_flags(&g, message);
	if (message->time == 0 && date > 0)
		message->time = (int64_t)date;
	if (is_folder_data(head->fields))
		head->is_dropped = true;
}

/* The "From " line. */

static bool
take_token(struct str *rest, struct str *token)
{
	while (rest->len > 0 && rest->at[0] == ' ')
		*rest = str_from(*rest, 1);
	*token = str_cut(rest, ' ');
	return token->len > 0;
}

static int
month_of(struct str token)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; token.len == 3 && i < 12; i++)
		if (memcmp(token.at, names + 3 * i, 3) == 0)
			return i;
	return -1;
}

/* "12:05:38" or "12:05" */
static bool
read_clock(struct str token, struct tm *tm)
{
	struct str h = str_cut(&token, ':'), m = str_cut(&token, ':');
	uint64_t hour, minute, second = 0;

	if (!str_to_u64(h, 0, 23, &hour) || !str_to_u64(m, 0, 59, &minute) ||
	    (token.at != NULL && !str_to_u64(token, 0, 60, &second)))
		return false;
	tm->tm_hour = (int)hour;
	tm->tm_min = (int)minute;
	tm->tm_sec = (int)second;
	return true;
}

/* "+0130", in seconds. */
static int
read_zone(struct str token)
{
	uint64_t n;

	if (token.len != 5 || (token.at[0] != '+' && token.at[0] != '-') ||
	    !str_to_u64(str_from(token, 1), 0, 2359, &n))
		return 0;
	return (int)(n / 100 * 3600 + n % 100 * 60) *
	       (token.at[0] == '+' ? 1 : -1);
}

/* Behind the month: "23 17:05:38 2026", with a zone before or after the year. */
static bool
read_date(struct str rest, int month, int64_t *time)
{
	struct tm tm = {.tm_mon = month};
	struct str token;
	uint64_t day, year = 0;
	int zone = 0;

	if (!take_token(&rest, &token) || !str_to_u64(token, 1, 31, &day) ||
	    !take_token(&rest, &token) || !read_clock(token, &tm))
		return false;
	while (take_token(&rest, &token)) {
		if (token.len == 4 && year == 0 &&
		    str_to_u64(token, 1900, 9999, &year))
			continue;
		if (zone == 0)
			zone = read_zone(token);
	}
	if (year == 0)
		return false;
	tm.tm_mday = (int)day;
	tm.tm_year = (int)year - 1900;
	*time = (int64_t)timegm(&tm) - zone;
	if (*time < 0)
		*time = 0;
	return true;
}

bool
mbox_parse_from(struct str line, int64_t *time)
{
	struct str rest = str_from(line, 5), token;

	*time = 0;
	while (take_token(&rest, &token)) {
		int month = month_of(token);

		if (month >= 0 && read_date(rest, month, time))
			return true;
	}
	return false;
}
