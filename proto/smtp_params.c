/* SPDX-License-Identifier: ISC */
/*
 * A table of parameters for each command. Nothing is guessed: a value that its RFC
 * does not allow is refused, since what a parameter asks for would be lost.
 */
#include "config.h"

#include "proto/smtp_params.h"

#include <stddef.h>

#include "base/utf8.h"

enum {
	ENVID_MAX = 100, /* RFC 3461 4.4 */
	ORCPT_MAX = 500, /* RFC 3461 4.2 */
	AUTH_MAX = 500,  /* RFC 4954 3 */
	SIZE_DIGITS_MAX = 20,
};

struct params {
	struct arena *arena;
	struct envelope_mail *mail; /* of MAIL */
	struct envelope_rcpt *rcpt; /* of RCPT */
	bool smtputf8;
};

struct param {
	const char *name;
	bool has_value;
	/* False where the value is bad. */
	bool (*take)(struct params *p, struct str value);
};

/* Printable ASCII and blanks: what RFC 3461 wants after decoding. */
static bool
is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < ' ' || s.at[i] > '~')
			return false;
	}
	return true;
}

/* xtext, of which characters over ASCII stand for themselves where `utf8`
 * (RFC 6533 3). */
static bool
decode(struct buf *b, struct str text, bool utf8)
{
	while (text.len > 0) {
		size_t n = 0;

		while (n < text.len && (unsigned char)text.at[n] < 128)
			n++;
		if (!xtext_take(b, str_head(text, n)))
			return false;
		text = str_from(text, n);
		if (text.len == 0)
			break;
		n = utf8 ? utf8_get(text, NULL) : 0;
		if (n == 0)
			return false;
		buf_put(b, text.at, n);
		text = str_from(text, n);
	}
	return true;
}

/* Decodes into the arena. */
static bool
take_xtext(struct params *p, struct str text, bool utf8, struct str *value)
{
	struct buf b;
	bool ok;

	buf_init(&b, text.len);
	ok = decode(&b, text, utf8) && (utf8 || is_printable(buf_str(&b)));
	if (ok)
		*value = arena_str(p->arena, buf_str(&b));
	buf_clear(&b);
	return ok;
}

static bool
take_size(struct params *p, struct str value)
{
	struct str digits = value;

	if (value.len == 0 || value.len > SIZE_DIGITS_MAX)
		return false;
	for (; digits.len > 0; digits = str_from(digits, 1)) {
		if (digits.at[0] < '0' || digits.at[0] > '9')
			return false;
	}
	/* Twenty digits may be more than there are bytes in the world. */
	if (!str_to_u64(value, 0, UINT64_MAX, &p->mail->size))
		p->mail->size = UINT64_MAX;
	return true;
}

static bool
take_body(struct params *p, struct str value)
{
	static const char *const names[] = {
	    [BODY_7BIT] = "7BIT",
	    [BODY_8BITMIME] = "8BITMIME",
	    [BODY_BINARYMIME] = "BINARYMIME",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_is_nocase(value, str(names[i]))) {
			p->mail->body = (enum envelope_body)i;
			return true;
		}
	}
	return false;
}

static bool
take_smtputf8(struct params *p, struct str value)
{
	(void)value;
	p->mail->smtputf8 = true;
	return true;
}

static bool
take_requiretls(struct params *p, struct str value)
{
	(void)value;
	p->mail->requiretls = true;
	return true;
}

static bool
take_xverp(struct params *p, struct str value)
{
	(void)value;
	p->mail->verp = true;
	return true;
}

static bool
take_ret(struct params *p, struct str value)
{
	if (str_is_nocase(value, STR_LIT("FULL")))
		p->mail->ret = RET_FULL;
	else if (str_is_nocase(value, STR_LIT("HDRS")))
		p->mail->ret = RET_HDRS;
	return p->mail->ret != RET_UNSET;
}

static bool
take_envid(struct params *p, struct str value)
{
	return value.len > 0 && value.len <= ENVID_MAX &&
	       take_xtext(p, value, false, &p->mail->envid);
}

static bool
take_auth(struct params *p, struct str value)
{
	p->mail->has_auth = true;
	if (str_is(value, STR_LIT("<>")))
		return true;
	return value.len > 0 && value.len <= AUTH_MAX &&
	       take_xtext(p, value, false, &p->mail->auth);
}

static bool
take_notify(struct params *p, struct str value)
{
	static const struct {
		const char *name;
		unsigned bit;
	} whens[] = {
	    {"NEVER", NOTIFY_NEVER},
	    {"SUCCESS", NOTIFY_SUCCESS},
	    {"FAILURE", NOTIFY_FAILURE},
	    {"DELAY", NOTIFY_DELAY},
	};
	unsigned notify = 0;

	do {
		struct str name = str_cut(&value, ',');
		size_t i = 0;

		while (i < ARRAY_LEN(whens) &&
		       !str_is_nocase(name, str(whens[i].name)))
			i++;
		if (i == ARRAY_LEN(whens))
			return false;
		notify |= whens[i].bit;
	} while (value.at != NULL);
	p->rcpt->notify = notify;
	/* RFC 3461 4.1: NEVER stands alone. */
	return notify == NOTIFY_NEVER || (notify & NOTIFY_NEVER) == 0;
}

static bool
is_address_type(struct str type)
{
	for (size_t i = 0; i < type.len; i++) {
		char c = type.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return type.len > 0;
}

static bool
take_orcpt(struct params *p, struct str value)
{
	struct str text = value, type = str_cut(&text, ';');
	bool utf8 = p->smtputf8 && str_is_nocase(type, STR_LIT("utf-8"));

	if (value.len > ORCPT_MAX || text.len == 0 || !is_address_type(type))
		return false;
	p->rcpt->orcpt_type = arena_str(p->arena, type);
	return take_xtext(p, text, utf8, &p->rcpt->orcpt);
}

static const struct param mail_params[] = {
    {"SIZE", true, take_size},              /* RFC 1870 */
    {"BODY", true, take_body},              /* RFC 6152, RFC 3030 */
    {"SMTPUTF8", false, take_smtputf8},     /* RFC 6531 */
    {"RET", true, take_ret},                /* RFC 3461 */
    {"ENVID", true, take_envid},            /* RFC 3461 */
    {"AUTH", true, take_auth},              /* RFC 4954 */
    {"REQUIRETLS", false, take_requiretls}, /* RFC 8689 */
    {"XVERP", false, take_xverp},           /* Postfix */
    {NULL, false, NULL},
};

static const struct param rcpt_params[] = {
    {"NOTIFY", true, take_notify}, /* RFC 3461 */
    {"ORCPT", true, take_orcpt},   /* RFC 3461 */
    {NULL, false, NULL},
};

static int
refuse(struct smtp_reply *r, int code, const char *why, struct str name)
{
	name = str_head(name, 40);
	reply_set(r, code, "5.5.4", "%s parameter %.*s", why, STR_ARG(name));
	return -1;
}

static int
take_param(const struct param *table, struct str text, unsigned *seen,
    struct params *p, struct smtp_reply *r)
{
	struct str value = text, name = str_cut(&value, '=');
	size_t i = 0;

	while (
	    table[i].name != NULL && !str_is_nocase(name, str(table[i].name)))
		i++;
	if (table[i].name == NULL)
		return refuse(r, 555, "unknown", name);
	if (*seen & 1u << i)
		return refuse(r, 501, "repeated", name);
	*seen |= 1u << i;
	if (table[i].has_value != (value.at != NULL) ||
	    !table[i].take(p, value))
		return refuse(r, 501, "bad value of the", name);
	return 0;
}

static int
take_params(const struct param *table, struct str rest, struct params *p,
    struct smtp_reply *r)
{
	unsigned seen = 0;

	while (rest.len > 0) {
		struct str text = str_cut(&rest, ' ');

		if (text.len > 0 && take_param(table, text, &seen, p, r) < 0)
			return -1;
	}
	return 0;
}

/* Takes "FROM:" off. A blank behind it is against RFC 5321 3.3, but some
 * devices have sent one for decades. */
static bool
take_keyword(struct str *args, struct str keyword)
{
	if (!str_starts_nocase(*args, keyword))
		return false;
	*args = str_trim(str_from(*args, keyword.len));
	return true;
}

int
smtp_params_mail(struct str args, struct arena *arena,
    struct envelope_mail *mail, struct smtp_reply *r)
{
	struct params p = {.arena = arena, .mail = mail};
	struct str rest;
	struct fault f;

	if (!take_keyword(&args, STR_LIT("FROM:"))) {
		reply_set(r, 501, "5.5.4", "syntax: MAIL FROM:<address>");
		return -1;
	}
	/* SMTPUTF8 stands behind the address that needs it. */
	if (address_parse_reverse(args, true, &mail->reverse_path, &rest, &f) <
	    0) {
		reply_set_fault(r, &f);
		return -1;
	}
	if (take_params(mail_params, rest, &p, r) < 0)
		return -1;
	if (mail->reverse_path.is_utf8 && !mail->smtputf8) {
		reply_set(r, 553, "5.6.7", "address needs SMTPUTF8");
		return -1;
	}
	return 0;
}

int
smtp_params_rcpt(struct str args, bool smtputf8, struct arena *arena,
    struct envelope_rcpt *rcpt, struct smtp_reply *r)
{
	struct params p = {.arena = arena, .rcpt = rcpt, .smtputf8 = smtputf8};
	struct str rest;
	struct fault f;

	if (!take_keyword(&args, STR_LIT("TO:"))) {
		reply_set(r, 501, "5.5.4", "syntax: RCPT TO:<address>");
		return -1;
	}
	if (address_parse_forward(
		args, smtputf8, &rcpt->forward_path, &rest, &f) < 0) {
		reply_set_fault(r, &f);
		return -1;
	}
	return take_params(rcpt_params, rest, &p, r);
}

static const struct {
	const char *name;
	size_t offset;
} attributes[SMTP_XFORWARD_ATTRIBUTES] = {
    {"NAME", offsetof(struct envelope_xforward, name)},
    {"ADDR", offsetof(struct envelope_xforward, addr)},
    {"PORT", offsetof(struct envelope_xforward, port)},
    {"PROTO", offsetof(struct envelope_xforward, proto)},
    {"HELO", offsetof(struct envelope_xforward, helo)},
    {"IDENT", offsetof(struct envelope_xforward, ident)},
    {"SOURCE", offsetof(struct envelope_xforward, source)},
};

/* Decodes into text, controls made harmless. */
static bool
take_attribute_value(struct str value, char text[SMTP_XFORWARD_TEXT_SIZE])
{
	struct buf b;
	bool ok;

	text[0] = '\0';
	if (str_is_nocase(value, STR_LIT("[UNAVAILABLE]")) ||
	    str_is_nocase(value, STR_LIT("[TEMPUNAVAIL]")))
		return true;
	buf_init(&b, SMTP_XFORWARD_TEXT_SIZE - 1);
	ok = value.len > 0 && xtext_take(&b, value) && !buf_is_full(&b);
	for (size_t i = 0; ok && i < buf_len(&b); i++) {
		unsigned char c = (unsigned char)buf_text(&b)[i];

		text[i] = c < ' ' || c == 0x7f ? '?' : (char)c;
		text[i + 1] = '\0';
	}
	buf_clear(&b);
	return ok;
}

static bool
take_attribute(struct str attribute, struct smtp_xforward_texts *texts,
    struct envelope_xforward *x)
{
	struct str value = attribute, name = str_cut(&value, '=');
	struct str *to;
	size_t i = 0;

	while (i < ARRAY_LEN(attributes) &&
	       !str_is_nocase(name, str(attributes[i].name)))
		i++;
	if (i == ARRAY_LEN(attributes) ||
	    !take_attribute_value(value, texts->text[i]))
		return false;
	to = (struct str *)(void *)((char *)x + attributes[i].offset);
	*to = str(texts->text[i]);
	return true;
}

int
smtp_params_xforward(struct str args, struct smtp_xforward_texts *texts,
    struct envelope_xforward *x, struct smtp_reply *r)
{
	do {
		struct str attribute = str_cut(&args, ' ');

		if (!take_attribute(attribute, texts, x)) {
			attribute = str_head(attribute, 40);
			reply_set(r, 501, "5.5.4", "bad attribute %.*s",
			    STR_ARG(attribute));
			return -1;
		}
		args = str_trim(args);
	} while (args.len > 0);
	return 0;
}
