/* SPDX-License-Identifier: ISC */
/* The index record of a message: its form, and what a message's head says. */
#include "config.h"

#include "store/record.h"

#include "proto/header.h"

/* The second byte. */
enum {
	BIT_CUR = 1,
	SPAM_SHIFT = 1,
	SPAM_MASK = 3,
	BIT_DATE = 8,
	BIT_WIRE_SIZE = 16,
	BIT_DIGEST = 32,
	BIT_ATTACHMENTS = 64,
	BIT_OWN_DIGEST = 128,
};

static void
put_number(struct buf *b, uint64_t n)
{
	for (; n > 127; n >>= 7)
		buf_putc(b, (char)((n & 127) | 128));
	buf_putc(b, (char)n);
}

/* So that a small number below zero is short too. */
static void
put_signed(struct buf *b, uint64_t n)
{
	put_number(b, n << 1 ^ (n >> 63 != 0 ? UINT64_MAX : 0));
}

/* Not within a character. */
static struct str
cut_text(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	s.len = max;
	while (s.len > 0 && ((unsigned char)s.at[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

static void
put_text(struct buf *b, struct str s)
{
	s = cut_text(s, RECORD_TEXT_MAX);
	put_number(b, s.len);
	buf_put_str(b, s);
}

void
record_format(const struct record *r, struct buf *b)
{
	bool has_digest = r->digest.len == DIGEST_LEN;

	buf_putc(b, RECORD_VERSION);
	buf_putc(
	    b, (char)((r->place == RECORD_CUR ? BIT_CUR : 0) |
		      (unsigned)r->spam << SPAM_SHIFT |
		      (r->date != 0 ? BIT_DATE : 0) |
		      (r->wire_size != 0 ? BIT_WIRE_SIZE : 0) |
		      (has_digest ? BIT_DIGEST : 0) |
		      (r->has_attachments ? BIT_ATTACHMENTS : 0) |
		      (has_digest && r->has_own_digest ? BIT_OWN_DIGEST : 0)));
	put_number(b, r->size);
	put_signed(b, (uint64_t)r->stored);
	if (r->date != 0)
		put_signed(b, (uint64_t)r->date - (uint64_t)r->stored);
	if (r->wire_size != 0)
		put_signed(b, r->wire_size - r->size);
	if (r->has_attachments)
		put_number(b, r->attachments);
	if (has_digest)
		buf_put_str(b, r->digest);
	put_text(b, r->info);
	put_text(b, r->message_id);
	put_text(b, r->subject);
	put_text(b, r->sender);
	put_text(b, r->sender_name);
	put_text(b, r->recipients);
	put_text(b, r->list_id);
}

static bool
take_number(struct str *s, uint64_t *n)
{
	unsigned shift = 0;

	*n = 0;
	for (size_t i = 0; i < s->len && shift < 64; i++, shift += 7) {
		*n |= (uint64_t)(s->at[i] & 127) << shift;
		if ((s->at[i] & 128) == 0) {
			*s = str_from(*s, i + 1);
			return true;
		}
	}
	return false;
}

static bool
take_signed(struct str *s, uint64_t *n)
{
	if (!take_number(s, n))
		return false;
	*n = *n >> 1 ^ ((*n & 1) != 0 ? UINT64_MAX : 0);
	return true;
}

static bool
take_text(struct str *s, struct str *text)
{
	uint64_t len;

	if (!take_number(s, &len) || len > s->len)
		return false;
	*text = str_head(*s, (size_t)len);
	*s = str_from(*s, (size_t)len);
	return true;
}

static bool
take_numbers(struct str *s, unsigned bits, struct record *r)
{
	uint64_t stored, date = 0, wire_size = 0, attachments = 0;

	if (!take_number(s, &r->size) || !take_signed(s, &stored) ||
	    ((bits & BIT_DATE) != 0 && !take_signed(s, &date)) ||
	    ((bits & BIT_WIRE_SIZE) != 0 && !take_signed(s, &wire_size)) ||
	    ((bits & BIT_ATTACHMENTS) != 0 && !take_number(s, &attachments)))
		return false;
	r->stored = (int64_t)stored;
	r->date = (bits & BIT_DATE) != 0 ? (int64_t)(stored + date) : 0;
	r->wire_size = (bits & BIT_WIRE_SIZE) != 0 ? r->size + wire_size : 0;
	r->has_attachments = (bits & BIT_ATTACHMENTS) != 0;
	r->attachments = (uint32_t)attachments;
	return true;
}

bool
record_parse(struct str value, struct record *r)
{
	unsigned bits, spam;

	if (value.len < 2 || value.at[0] != RECORD_VERSION)
		return false;
	bits = (unsigned char)value.at[1];
	spam = bits >> SPAM_SHIFT & SPAM_MASK;
	if (spam > RECORD_SPAM_YES)
		return false;
	value = str_from(value, 2);
	r->place = (bits & BIT_CUR) != 0 ? RECORD_CUR : RECORD_NEW;
	r->spam = (enum record_spam)spam;
	if (!take_numbers(&value, bits, r))
		return false;
	r->digest = str_n(NULL, 0);
	r->has_own_digest = (bits & BIT_OWN_DIGEST) != 0;
	if ((bits & BIT_DIGEST) != 0) {
		r->digest = str_head(value, DIGEST_LEN);
		value = str_from(value, DIGEST_LEN);
		if (r->digest.len != DIGEST_LEN)
			return false;
	}
	return take_text(&value, &r->info) &&
	       take_text(&value, &r->message_id) &&
	       take_text(&value, &r->subject) &&
	       take_text(&value, &r->sender) &&
	       take_text(&value, &r->sender_name) &&
	       take_text(&value, &r->recipients) &&
	       take_text(&value, &r->list_id) && value.len == 0;
}

bool
record_is_seen(const struct record *r)
{
	return str_starts(r->info, STR_LIT(":2,")) && str_has(r->info, 'S');
}

/*
 * What a head says.
 */
enum { MESSAGE_ID, SUBJECT, SENDER, SENDER_NAME, RECIPIENTS, LIST_ID, TEXTS };

struct text {
	char at[RECORD_TEXT_MAX];
	size_t len;
	bool is_done; /* what comes now does not count */
};

struct reading {
	struct record *r;
	struct buf *scratch;
	struct text texts[TEXTS];
};

static void
add(struct text *text, struct str s)
{
	s = cut_text(s, sizeof text->at - text->len);
	if (s.len > 0)
		memcpy(text->at + text->len, s.at, s.len);
	text->len += s.len;
}

/* The first that is not empty. */
static void
keep(struct text *text, struct str s)
{
	add(text, s);
	text->is_done = text->len > 0;
}

static void
read_message_id(struct reading *h, struct str value)
{
	keep(&h->texts[MESSAGE_ID], header_message_id(value));
}

static void
read_subject(struct reading *h, struct str value)
{
	buf_reset(h->scratch);
	header_decode(h->scratch, value);
	keep(&h->texts[SUBJECT], buf_str(h->scratch));
}

static void
keep_first(void *ctx, struct str addr_spec)
{
	struct text *text = ctx;

	if (!text->is_done)
		keep(text, addr_spec);
}

/* Encoded words and all: what a reader of mail is shown. */
static void
keep_name(struct reading *h, struct str value)
{
	struct text *sender = &h->texts[SENDER];
	struct str name;

	buf_reset(h->scratch);
	header_decode(h->scratch, value);
	name = buf_str(h->scratch);
	if (str_has(name, '<'))
		name = str_head(name, str_find(name, '<'));
	name = str_trim(name);
	if (name.len > 1 && name.at[0] == '"' && str_ends(name, STR_LIT("\"")))
		name = str_n(name.at + 1, name.len - 2);
	if (!str_is(name, str_n(sender->at, sender->len)))
		keep(&h->texts[SENDER_NAME], name);
}

static void
read_sender(struct reading *h, struct str value)
{
	header_each_address(value, keep_first, &h->texts[SENDER]);
	keep_name(h, value);
}

/* Whole addresses, and none behind one that was left out. */
static void
add_address(void *ctx, struct str addr_spec)
{
	struct text *text = ctx;
	struct str between = text->len > 0 ? STR_LIT(", ") : STR_LIT("");

	if (text->len + between.len + addr_spec.len > sizeof text->at)
		text->is_done = true;
	if (text->is_done)
		return;
	add(text, between);
	add(text, addr_spec);
}

static void
read_recipients(struct reading *h, struct str value)
{
	header_each_address(value, add_address, &h->texts[RECIPIENTS]);
}

/* RFC 2919: a phrase, and the id in brackets. */
static void
read_list_id(struct reading *h, struct str value)
{
	struct str id;

	buf_reset(h->scratch);
	header_decode(h->scratch, value);
	id = buf_str(h->scratch);
	if (str_has(id, '<')) {
		id = str_from(id, str_find_last(id, '<') + 1);
		id = str_head(id, str_find(id, '>'));
	}
	keep(&h->texts[LIST_ID], str_trim(id));
}

static void
read_date(struct reading *h, struct str value)
{
	time_t t;

	if (h->r->date == 0 && header_parse_date(value, &t))
		h->r->date = (int64_t)t;
}

/* Where filters differ, a single one that says spam is right: who would say so
 * of his own message? */
static void
judge(struct reading *h, bool is_spam)
{
	if (h->r->spam != RECORD_SPAM_YES)
		h->r->spam = is_spam ? RECORD_SPAM_YES : RECORD_SPAM_NO;
}

/* Unfolded, without blanks around it. */
static struct str
unfold(struct reading *h, struct str value)
{
	buf_reset(h->scratch);
	header_unfold(h->scratch, value);
	return str_trim(buf_str(h->scratch));
}

/* "Yes", "YES", "No, score=…" of SpamAssassin, rspamd and their like. */
static void
read_spam(struct reading *h, struct str value)
{
	struct str word = unfold(h, value);
	size_t n = 0;

	while (n < word.len && strchr(" \t,;", word.at[n]) == NULL)
		n++;
	word = str_head(word, n);
	if (str_is_nocase(word, STR_LIT("yes")) ||
	    str_is_nocase(word, STR_LIT("true")))
		judge(h, true);
	else if (str_is_nocase(word, STR_LIT("no")) ||
		 str_is_nocase(word, STR_LIT("false")))
		judge(h, false);
}

/* Rspamd's actions. */
static void
read_action(struct reading *h, struct str value)
{
	struct str action = unfold(h, value);

	if (str_is_nocase(action, STR_LIT("add header")) ||
	    str_is_nocase(action, STR_LIT("rewrite subject")) ||
	    str_is_nocase(action, STR_LIT("quarantine")) ||
	    str_is_nocase(action, STR_LIT("reject")))
		judge(h, true);
	else if (str_is_nocase(action, STR_LIT("no action")) ||
		 str_is_nocase(action, STR_LIT("greylist")))
		judge(h, false);
}

static const struct {
	const char *name;
	int text; /* -1: none */
	void (*read)(struct reading *h, struct str value);
} fields[] = {
    {"Cc", RECIPIENTS, read_recipients},
    {"Date", -1, read_date},
    {"From", SENDER, read_sender},
    {"List-Id", LIST_ID, read_list_id},
    {"Message-ID", MESSAGE_ID, read_message_id},
    {"Subject", SUBJECT, read_subject},
    {"To", RECIPIENTS, read_recipients},
    {"X-Rspamd-Action", -1, read_action},
    {"X-Spam", -1, read_spam},
    {"X-Spam-Flag", -1, read_spam},
    {"X-Spam-Status", -1, read_spam},
};

static void
read_field(struct reading *h, const struct header_field *field)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!str_is_nocase(field->name, str(fields[i].name)))
			continue;
		if (fields[i].text < 0 || !h->texts[fields[i].text].is_done)
			fields[i].read(h, field->value);
		return;
	}
}

void
record_read_head(struct record *r, struct str head, struct buf *texts)
{
	struct str rest = str_head(head, RECORD_HEAD_MAX);
	struct str *const views[TEXTS] = {
	    [MESSAGE_ID] = &r->message_id,
	    [SUBJECT] = &r->subject,
	    [SENDER] = &r->sender,
	    [SENDER_NAME] = &r->sender_name,
	    [RECIPIENTS] = &r->recipients,
	    [LIST_ID] = &r->list_id,
	};
	struct reading h = {.r = r, .scratch = texts};
	struct header_field field;
	const char *at;

	r->date = 0;
	r->spam = RECORD_SPAM_UNKNOWN;
	while (header_next(&rest, &field))
		read_field(&h, &field);
	buf_reset(texts);
	for (size_t i = 0; i < TEXTS; i++)
		buf_put(texts, h.texts[i].at, h.texts[i].len);
	at = buf_text(texts);
	for (size_t i = 0; i < TEXTS; i++) {
		*views[i] = str_n(at, h.texts[i].len);
		at += h.texts[i].len;
	}
}
