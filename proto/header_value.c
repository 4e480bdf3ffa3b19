/* SPDX-License-Identifier: ISC */
/*
 * What stands in structured fields (RFC 5322 3 and 4): dates, message ids and
 * address lists, with comments and folds wherever they are allowed.
 */
#include "config.h"

#include "proto/header.h"

enum {
	SPEC_MAX = 1000,
	ADDRESSES_MAX = 1000,
};

/* Blanks, folds and comments, which nest (RFC 5322 3.2.2). False where a
 * comment does not end. */
static bool
skip_cfws(struct str *rest)
{
	unsigned depth = 0;

	for (; rest->len > 0; *rest = str_from(*rest, 1)) {
		char c = rest->at[0];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == '\\' && depth > 0)
			*rest = str_from(*rest, rest->len > 1 ? 1 : 0);
		else if (depth == 0 && memchr(" \t\r\n", c, 4) == NULL)
			break;
	}
	return depth == 0;
}

/* Takes c, and what may be skipped before it. */
static bool
take(struct str *rest, char c)
{
	if (!skip_cfws(rest) || rest->len == 0 || rest->at[0] != c)
		return false;
	*rest = str_from(*rest, 1);
	return true;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct str
take_letters(struct str *rest)
{
	struct str whole = *rest;
	size_t n = 0;

	while (n < whole.len && is_letter(whole.at[n]))
		n++;
	*rest = str_from(whole, n);
	return str_head(whole, n);
}

/* From min to max digits and no more, and what may be skipped before them. */
static bool
take_number(struct str *rest, size_t min, size_t max, int *number)
{
	size_t n = 0;

	if (!skip_cfws(rest))
		return false;
	*number = 0;
	for (; n < rest->len && n <= max && is_digit(rest->at[n]); n++)
		*number = *number * 10 + (rest->at[n] - '0');
	*rest = str_from(*rest, n);
	return n >= min && n <= max;
}

/* The place of a name of three letters in a row of them, or -1. */
static int
find_name(struct str name, const char *names)
{
	for (int i = 0; names[3 * i] != '\0'; i++) {
		if (str_is_nocase(name, str_n(names + 3 * i, 3)))
			return i;
	}
	return -1;
}

static bool
take_day_of_week(struct str *rest)
{
	if (!skip_cfws(rest))
		return false;
	if (rest->len == 0 || !is_letter(rest->at[0]))
		return true;
	return find_name(take_letters(rest), "MonTueWedThuFriSatSun") >= 0 &&
	       take(rest, ',');
}

static int
days_of_month(int month, int year)
{
	static const char days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month] + (month == 1 && leap);
}

static bool
take_day(struct str *rest, struct tm *tm)
{
	int year;
	size_t before;

	if (!take_day_of_week(rest) || !take_number(rest, 1, 2, &tm->tm_mday) ||
	    !skip_cfws(rest))
		return false;
	tm->tm_mon = find_name(
	    take_letters(rest), "JanFebMarAprMayJunJulAugSepOctNovDec");
	if (tm->tm_mon < 0 || !skip_cfws(rest))
		return false;
	before = rest->len;
	if (!take_number(rest, 2, 4, &year))
		return false;
	/* RFC 5322 4.3: what years of two and of three digits mean. */
	if (before - rest->len == 3 || (before - rest->len == 2 && year >= 50))
		year += 1900;
	else if (before - rest->len == 2)
		year += 2000;
	tm->tm_year = year - 1900;
	return year >= 1900 && tm->tm_mday >= 1 &&
	       tm->tm_mday <= days_of_month(tm->tm_mon, year);
}

static bool
take_time_of_day(struct str *rest, struct tm *tm)
{
	if (!take_number(rest, 1, 2, &tm->tm_hour) || !take(rest, ':') ||
	    !take_number(rest, 2, 2, &tm->tm_min) || !skip_cfws(rest))
		return false;
	if (str_starts(*rest, STR_LIT(":")) &&
	    (!take(rest, ':') || !take_number(rest, 2, 2, &tm->tm_sec)))
		return false;
	return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* Minutes east of Greenwich. Letters that are no zone of RFC 5322 4.3 mean
 * that it is not known. */
static bool
take_zone(struct str *rest, int *minutes)
{
	static const char zones[] = "ESTEDTCSTCDTMSTMDTPSTPDT";
	static const int hours[] = {-5, -4, -6, -5, -7, -6, -8, -7};
	int sign, digits, zone;

	*minutes = 0;
	if (!skip_cfws(rest) || rest->len == 0)
		return false;
	if (is_letter(rest->at[0])) {
		zone = find_name(take_letters(rest), zones);
		*minutes = zone < 0 ? 0 : hours[zone] * 60;
		return true;
	}
	sign = rest->at[0] == '-' ? -1 : 1;
	if ((rest->at[0] != '+' && rest->at[0] != '-') || rest->len < 5 ||
	    !is_digit(rest->at[1]))
		return false;
	*rest = str_from(*rest, 1);
	if (!take_number(rest, 4, 4, &digits) || digits % 100 > 59)
		return false;
	*minutes = sign * (digits / 100 * 60 + digits % 100);
	return true;
}

bool
header_parse_date(struct str value, time_t *t)
{
	struct tm tm = {0};
	int east;

	if (!take_day(&value, &tm) || !take_time_of_day(&value, &tm) ||
	    !take_zone(&value, &east) || !skip_cfws(&value) || value.len > 0)
		return false;
	*t = timegm(&tm) - (time_t)east * 60;
	return true;
}

static bool
is_visible(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c <= ' ' || c == 0x7f || c == '<' || c == '>')
			return false;
	}
	return true;
}

struct str
header_message_id(struct str value)
{
	struct str none = {0}, id;
	size_t open;

	if (!skip_cfws(&value))
		return none;
	open = str_find(value, '<');
	if (open < value.len) {
		value = str_from(value, open + 1);
		id = str_trim(str_head(value, str_find(value, '>')));
		/* Without a ">" it is none, whatever it looks like. */
		if (!str_has(value, '>'))
			return none;
	} else {
		size_t len = 0;

		while (len < value.len &&
		       memchr(" \t\r\n(", value.at[len], 5) == NULL)
			len++;
		id = str_head(value, len);
	}
	return is_visible(id) ? id : none;
}

struct addresses {
	struct str rest;
	struct buf spec; /* what may be an addr-spec, without blanks */
	bool has_words;  /* any */
	bool is_dotted;  /* they are word *("." word) */
	bool in_group;
	unsigned n;
};

static bool
is_atext(char c)
{
	return is_letter(c) || is_digit(c) || (c & 0x80) != 0 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* A quoted string with its quotes, folds left out. */
static bool
take_quoted(struct addresses *p)
{
	bool quoted = false;

	for (size_t i = 0; i < p->rest.len; i++) {
		unsigned char c = (unsigned char)p->rest.at[i];

		if (c == '\r' || c == '\n')
			continue;
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
		buf_putc(&p->spec, (char)c);
		if (c == '"' && !quoted && i > 0) {
			p->rest = str_from(p->rest, i + 1);
			return true;
		}
		quoted = c == '\\' && !quoted;
	}
	return false;
}

static bool
take_atom(struct addresses *p)
{
	size_t n = 0;

	while (n < p->rest.len && is_atext(p->rest.at[n]))
		n++;
	buf_put_str(&p->spec, str_head(p->rest, n));
	p->rest = str_from(p->rest, n);
	return n > 0;
}

/* Words and dots: a display name, a local part or a domain, as what follows
 * will tell. */
static bool
take_words(struct addresses *p, bool quoted)
{
	bool in_word = false;

	p->has_words = false;
	p->is_dotted = true;
	while (skip_cfws(&p->rest)) {
		if (p->rest.len > 0 && p->rest.at[0] == '.') {
			p->is_dotted = p->is_dotted && in_word;
			in_word = false;
			buf_putc(&p->spec, '.');
			p->rest = str_from(p->rest, 1);
			p->has_words = true;
			continue;
		}
		if (p->rest.len > 0 && p->rest.at[0] == '"' && quoted) {
			if (!take_quoted(p))
				return false;
		} else if (!take_atom(p)) {
			p->is_dotted = p->is_dotted && in_word;
			return true;
		}
		p->is_dotted = p->is_dotted && !in_word;
		in_word = true;
		p->has_words = true;
	}
	return false;
}

/* "[192.0.2.1]" */
static bool
take_literal(struct addresses *p)
{
	struct str literal = p->rest;
	size_t end = str_find(literal, ']');

	literal = str_head(literal, end + 1);
	p->rest = str_from(p->rest, end + 1);
	buf_put_str(&p->spec, literal);
	return str_ends(literal, STR_LIT("]")) && is_visible(literal) &&
	       !str_has(str_from(literal, 1), '[');
}

/* "@domain" behind a local part. */
static bool
take_domain(struct addresses *p)
{
	if (!p->is_dotted || !take(&p->rest, '@'))
		return false;
	buf_putc(&p->spec, '@');
	if (!skip_cfws(&p->rest))
		return false;
	if (str_starts(p->rest, STR_LIT("[")))
		return take_literal(p);
	return take_words(p, false) && p->is_dotted;
}

/* "@a,@b:" before an addr-spec (RFC 5322 4.4), which means nothing. */
static bool
skip_route(struct addresses *p)
{
	bool has_route = false;

	while (skip_cfws(&p->rest) && p->rest.len > 0 &&
	       (p->rest.at[0] == '@' || p->rest.at[0] == ',')) {
		p->is_dotted = true;
		if (p->rest.at[0] == ',')
			p->rest = str_from(p->rest, 1);
		else if (!take_domain(p))
			return false;
		has_route = true;
	}
	buf_reset(&p->spec);
	return !has_route || take(&p->rest, ':');
}

/* Behind "<". */
static bool
take_angle(struct addresses *p)
{
	buf_reset(&p->spec);
	return skip_route(p) && take_words(p, true) && take_domain(p) &&
	       take(&p->rest, '>');
}

/* The end of an element: nothing, or what begins the next. */
static bool
is_at_end(struct addresses *p)
{
	return skip_cfws(&p->rest) &&
	       (p->rest.len == 0 || p->rest.at[0] == ',' ||
		   p->rest.at[0] == ';');
}

/* What an element without an addr-spec ends with: nothing may stand before a
 * comma; or a group, "name: a, b;", which does not nest. */
static bool
take_separator(struct addresses *p)
{
	if (p->rest.len == 0 || take(&p->rest, ','))
		return !p->has_words;
	if (p->has_words == p->in_group)
		return false;
	p->in_group = !p->in_group;
	return take(&p->rest, p->in_group ? ':' : ';');
}

/* 1 with an addr-spec, 0 where the element has none, -1 where it is not
 * well-formed. */
static int
take_element(struct addresses *p)
{
	bool ok;

	buf_reset(&p->spec);
	if (!take_words(p, true))
		return -1;
	if (str_starts(p->rest, STR_LIT("@")))
		ok = take_domain(p);
	else if (take(&p->rest, '<'))
		ok = take_angle(p);
	else
		return take_separator(p) ? 0 : -1;
	return ok && is_at_end(p) && !buf_is_full(&p->spec) ? 1 : -1;
}

bool
header_each_address(
    struct str value, void (*each)(void *ctx, struct str addr_spec), void *ctx)
{
	struct addresses p = {.rest = value};
	int rc = 0;

	buf_init(&p.spec, SPEC_MAX);
	while (rc >= 0 && p.rest.len > 0) {
		rc = take_element(&p);
		if (rc > 0 && ++p.n > ADDRESSES_MAX)
			rc = -1;
		if (rc > 0)
			each(ctx, buf_str(&p.spec));
	}
	buf_clear(&p.spec);
	return rc >= 0 && !p.in_group;
}
