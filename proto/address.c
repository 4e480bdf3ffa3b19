/* SPDX-License-Identifier: ISC */
/*
 * The grammar of RFC 5321 4.1.2 and 4.1.3 with RFC 6531's additions, by
 * recursive descent over a view. Nothing is guessed or mended: what the
 * grammar has not is refused.
 */
#include "config.h"

#include "proto/address.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/utf8.h"
#include "proto/domain.h"

struct parse {
	struct str rest;
	bool utf8;       /* bytes over 127 are allowed */
	const char *dsn; /* of syntax errors */
	struct fault *f;
};

static int
bad(const struct parse *p, const char *why)
{
	return fault_perm(p->f, p->dsn, "bad address: %s", why);
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* atext of RFC 5322 3.2.3; RFC 6531 adds all above ASCII. */
static bool
is_atext(char c)
{
	return is_alnum(c) || (unsigned char)c > 127 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* 0 where the input is at its end: no NUL is allowed anywhere, so both are the
 * same to the grammar. */
static char
peek(const struct parse *p)
{
	return p->rest.len == 0 ? '\0' : p->rest.at[0];
}

static bool
take(struct parse *p, char c)
{
	if (p->rest.len == 0 || p->rest.at[0] != c)
		return false;
	p->rest = str_from(p->rest, 1);
	return true;
}

/* Moves one character, of several bytes where it is UTF-8, to text, which has
 * room for max bytes and a NUL. */
static int
move(struct parse *p, char *text, size_t *len, size_t max)
{
	size_t n = 1;

	if ((unsigned char)peek(p) > 127) {
		if (!p->utf8)
			return fault_perm(
			    p->f, "5.6.7", "address needs SMTPUTF8");
		n = utf8_get(p->rest, NULL);
		if (n == 0)
			return bad(p, "ill-formed UTF-8");
	}
	if (*len + n > max)
		return bad(p, "too long");
	memcpy(text + *len, p->rest.at, n);
	*len += n;
	text[*len] = '\0';
	p->rest = str_from(p->rest, n);
	return 0;
}

static int
parse_dot_string(struct parse *p, struct address *a)
{
	size_t len = 0;

	for (;;) {
		if (!is_atext(peek(p)))
			return bad(p, "bad local part");
		while (is_atext(peek(p))) {
			if (move(p, a->local, &len, ADDRESS_LOCAL_MAX) < 0)
				return -1;
		}
		if (peek(p) != '.')
			return 0;
		if (move(p, a->local, &len, ADDRESS_LOCAL_MAX) < 0)
			return -1;
	}
}

static int
parse_quoted(struct parse *p, struct address *a)
{
	size_t len = 0;

	while (!take(p, '"')) {
		bool escaped = take(p, '\\');
		unsigned char c = (unsigned char)peek(p);

		/* RFC 6531 3.3 allows UTF-8 here, but not behind "\". */
		if (c < ' ' || c == 0x7f || (c > 127 && escaped))
			return bad(p, "bad quoted local part");
		if (move(p, a->local, &len, ADDRESS_LOCAL_MAX) < 0)
			return -1;
	}
	return 0;
}

/*
 * The limit is of what is on the wire, quotes included (RFC 5321 4.5.3.1.1);
 * what address_put() makes is never longer.
 */
static int
parse_local(struct parse *p, struct address *a)
{
	size_t before = p->rest.len;
	int rc = take(p, '"') ? parse_quoted(p, a) : parse_dot_string(p, a);

	if (rc == 0 && before - p->rest.len > ADDRESS_LOCAL_MAX)
		return bad(p, "local part too long");
	return rc;
}

static bool
is_general_literal(struct str text)
{
	struct str rest = text, tag = str_cut(&rest, ':');

	if (tag.len == 0 || rest.len == 0 || !is_alnum(tag.at[tag.len - 1]))
		return false;
	for (size_t i = 0; i < tag.len; i++) {
		if (!is_alnum(tag.at[i]) && tag.at[i] != '-')
			return false;
	}
	for (size_t i = 0; i < rest.len; i++) {
		char c = rest.at[i];

		if (c < '!' || c > '~' || c == '[' || c == '\\' || c == ']')
			return false;
	}
	return true;
}

/* What stands between the brackets. */
static int
literal_kind(struct parse *p, struct str text, enum address_host *host)
{
	char copy[ADDRESS_DOMAIN_MAX + 1];
	struct in6_addr sa;

	if (!str_copy(text, copy, sizeof copy))
		return bad(p, "bad address literal");
	if (inet_pton(AF_INET, copy, &sa) == 1) {
		*host = ADDRESS_IPV4;
	} else if (str_starts_nocase(text, STR_LIT("IPv6:"))) {
		if (inet_pton(AF_INET6, copy + 5, &sa) != 1)
			return bad(p, "bad IPv6 address");
		*host = ADDRESS_IPV6;
	} else if (is_general_literal(text)) {
		*host = ADDRESS_GENERAL;
	} else {
		return bad(p, "bad address literal");
	}
	return 0;
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++) {
		if (*s >= 'A' && *s <= 'Z')
			*s += 'a' - 'A';
	}
}

static int
parse_literal(struct parse *p, char *domain, enum address_host *host)
{
	size_t end = str_find(p->rest, ']');
	struct str text = str_head(p->rest, end + 1);

	if (end == p->rest.len)
		return bad(p, "no end of address literal");
	if (literal_kind(p, str_from(str_head(text, end), 1), host) < 0)
		return -1;
	if (!str_copy(text, domain, ADDRESS_DOMAIN_MAX + 1))
		return bad(p, "address literal too long");
	p->rest = str_from(p->rest, end + 1);
	return 0;
}

static int
parse_name(struct parse *p, char *domain)
{
	char ascii[DOMAIN_SIZE];
	size_t len = 0;

	domain[0] = '\0';
	while (is_alnum(peek(p)) || (unsigned char)peek(p) > 127 ||
	       peek(p) == '-' || peek(p) == '.') {
		if (move(p, domain, &len, ADDRESS_DOMAIN_MAX) < 0)
			return -1;
	}
	if (!domain_to_ascii(str_n(domain, len), ascii))
		return bad(p, "bad domain");
	return 0;
}

/* domain has ADDRESS_DOMAIN_MAX + 1 bytes. */
static int
parse_domain(struct parse *p, char *domain, enum address_host *host)
{
	int rc;

	*host = ADDRESS_DOMAIN;
	if (peek(p) == '[')
		rc = parse_literal(p, domain, host);
	else
		rc = parse_name(p, domain);
	if (rc == 0)
		lower(domain);
	return rc;
}

static bool
is_over_ascii(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s > 127)
			return true;
	}
	return false;
}

static int
parse_mailbox(struct parse *p, struct address *a)
{
	size_t before = p->rest.len;

	if (parse_local(p, a) < 0)
		return -1;
	if (!take(p, '@'))
		return bad(p, "no domain");
	if (parse_domain(p, a->domain, &a->host) < 0)
		return -1;
	if (before - p->rest.len > ADDRESS_MAX)
		return bad(p, "too long");
	a->is_utf8 = is_over_ascii(a->local) || is_over_ascii(a->domain);
	return 0;
}

/* "@one,@two:", each checked and dropped (RFC 5321 appendix C). */
static int
skip_route(struct parse *p)
{
	char domain[ADDRESS_DOMAIN_MAX + 1];
	enum address_host host;

	while (take(p, '@')) {
		if (parse_domain(p, domain, &host) < 0)
			return -1;
		if (take(p, ':'))
			return 0;
		if (!take(p, ',') || peek(p) != '@')
			return bad(p, "bad source route");
	}
	return 0;
}

/* bare: what may stand between the brackets without a domain, "" or
 * "postmaster". */
static int
parse_inside(struct parse *p, struct str bare, struct address *a)
{
	if (str_starts_nocase(p->rest, bare) && p->rest.len > bare.len &&
	    p->rest.at[bare.len] == '>') {
		a->host = ADDRESS_NO_HOST;
		memcpy(a->local, bare.at, bare.len);
		p->rest = str_from(p->rest, bare.len);
	} else {
		size_t before = p->rest.len;

		if (skip_route(p) < 0 || parse_mailbox(p, a) < 0)
			return -1;
		if (before - p->rest.len > ADDRESS_MAX)
			return bad(p, "path too long");
	}
	if (!take(p, '>'))
		return bad(p, "no \">\" after the domain");
	if (p->rest.len > 0 && p->rest.at[0] != ' ')
		return bad(p, "text after \">\"");
	return 0;
}

static int
parse_path(
    struct parse *p, struct str bare, struct address *a, struct str *rest)
{
	*a = (struct address){0};
	if (!take(p, '<'))
		return bad(p, "no \"<\"");
	if (parse_inside(p, bare, a) < 0) {
		*a = (struct address){0};
		return -1;
	}
	*rest = p->rest;
	return 0;
}

int
address_parse_reverse(struct str text, bool utf8, struct address *a,
    struct str *rest, struct fault *f)
{
	struct parse p = {.rest = text, .utf8 = utf8, .dsn = "5.1.7", .f = f};

	return parse_path(&p, STR_LIT(""), a, rest);
}

int
address_parse_forward(struct str text, bool utf8, struct address *a,
    struct str *rest, struct fault *f)
{
	struct parse p = {.rest = text, .utf8 = utf8, .dsn = "5.1.3", .f = f};

	return parse_path(&p, STR_LIT("postmaster"), a, rest);
}

int
address_parse(struct str text, struct address *a, struct fault *f)
{
	struct parse p = {.rest = text, .utf8 = true, .dsn = "5.1.3", .f = f};

	int rc;

	*a = (struct address){0};
	rc = parse_mailbox(&p, a);
	if (rc == 0 && p.rest.len > 0)
		rc = bad(&p, "text after the domain");
	if (rc < 0)
		*a = (struct address){0};
	return rc;
}

int
address_parse_domain(
    struct str text, bool utf8, char *domain, size_t size, struct fault *f)
{
	struct parse p = {.rest = text, .utf8 = utf8, .dsn = "5.5.4", .f = f};
	char parsed[ADDRESS_DOMAIN_MAX + 1];
	enum address_host host;

	if (size > 0)
		domain[0] = '\0';
	if (parse_domain(&p, parsed, &host) < 0)
		return -1;
	if (p.rest.len > 0)
		return bad(&p, "text after the domain");
	if (!str_copy(str(parsed), domain, size))
		return bad(&p, "domain too long");
	return 0;
}

bool
address_is_null(const struct address *a)
{
	return a->host == ADDRESS_NO_HOST && a->local[0] == '\0';
}

bool
address_is_same(const struct address *a, const struct address *b)
{
	return a->host == b->host && !strcmp(a->local, b->local) &&
	       str_is_nocase(str(a->domain), str(b->domain));
}

static bool
is_dot_string(struct str s)
{
	struct str rest = s;

	while (rest.at != NULL) {
		struct str atom = str_cut(&rest, '.');

		if (atom.len == 0)
			return false;
		for (size_t i = 0; i < atom.len; i++) {
			if (!is_atext(atom.at[i]))
				return false;
		}
	}
	return true;
}

static void
put_local(struct buf *b, const char *local)
{
	if (is_dot_string(str(local))) {
		buf_puts(b, local);
		return;
	}
	buf_putc(b, '"');
	for (; *local != '\0'; local++) {
		if (*local == '"' || *local == '\\')
			buf_putc(b, '\\');
		buf_putc(b, *local);
	}
	buf_putc(b, '"');
}

void
address_put(struct buf *b, const struct address *a, bool brackets)
{
	if (brackets)
		buf_putc(b, '<');
	if (!address_is_null(a))
		put_local(b, a->local);
	if (a->host != ADDRESS_NO_HOST) {
		buf_putc(b, '@');
		buf_puts(b, a->domain);
	}
	if (brackets)
		buf_putc(b, '>');
}

void
address_format(const struct address *a, char text[ADDRESS_TEXT_SIZE])
{
	struct buf b;

	buf_init(&b, ADDRESS_TEXT_SIZE - 1);
	address_put(&b, a, false);
	memcpy(text, buf_text(&b), buf_len(&b) + 1);
	buf_clear(&b);
}

bool
address_key(const struct address *a, char key[ADDRESS_TEXT_SIZE])
{
	char domain[DOMAIN_SIZE];
	size_t len = strlen(a->local);

	key[0] = '\0';
	if (a->host != ADDRESS_DOMAIN ||
	    !domain_to_ascii(str(a->domain), domain))
		return false;
	memcpy(key, a->local, len + 1);
	lower(key);
	key[len] = '@';
	memcpy(key + len + 1, domain, strlen(domain) + 1);
	return true;
}

bool
address_split_detail(
    struct str local, char separator, struct str *user, struct str *detail)
{
	size_t i = separator == '\0' ? local.len : str_find(local, separator);

	*user = local;
	*detail = str_n(NULL, 0);
	/* "+x" has no user: it is a name that begins with a plus. */
	if (i == local.len || i == 0)
		return false;
	*user = str_head(local, i);
	*detail = str_from(local, i + 1);
	return true;
}

bool
address_make_verp(const struct address *sender, const struct address *recipient,
    struct address *verp)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address a = *sender;
	int len;

	*verp = *sender;
	address_format(recipient, text);
	if (address_is_null(sender) || recipient->host != ADDRESS_DOMAIN ||
	    text[0] == '"')
		return false;
	len = snprintf(a.local, sizeof a.local, "%s+%s=%s", sender->local,
	    recipient->local, recipient->domain);
	a.is_utf8 = sender->is_utf8 || recipient->is_utf8;
	if (len < 0 || len >= (int)sizeof a.local ||
	    (size_t)len + 1 + strlen(a.domain) > ADDRESS_MAX)
		return false;
	*verp = a;
	return true;
}

void
xtext_put(struct buf *b, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];

		if (c < '!' || c > '~' || c == '+' || c == '=')
			buf_putf(b, "+%02X", c);
		else
			buf_putc(b, (char)c);
	}
}

/* RFC 3461 4 has capitals only. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
xtext_take(struct buf *b, struct str text)
{
	while (text.len > 0) {
		char c = text.at[0];
		size_t n = 1;

		if (c < '!' || c > '~' || c == '=')
			return false;
		if (c == '+') {
			int high = text.len < 3 ? -1 : hex_value(text.at[1]);
			int low = text.len < 3 ? -1 : hex_value(text.at[2]);

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			n = 3;
		}
		buf_putc(b, c);
		text = str_from(text, n);
	}
	return true;
}
