/* SPDX-License-Identifier: ISC */
/* Criteria: read once, compared with each record, the cheap ones first. */
#include "config.h"

#include "store/criteria.h"

#include "base/mem.h"
#include "store/handle.h"

/* The letters are Maildir's; "T" is IMAP's \Deleted. */
static const struct {
	const char *word, *not_word;
	char letter;
} flags[] = {
    {"seen", "unseen", 'S'},
    {"answered", "unanswered", 'R'},
    {"flagged", "unflagged", 'F'},
    {"deleted", "undeleted", 'T'},
    {"draft", "undraft", 'D'},
    {"forwarded", "unforwarded", 'P'},
};

static const char *const verdicts[] = {
    [RECORD_SPAM_UNKNOWN] = "unknown",
    [RECORD_SPAM_NO] = "no",
    [RECORD_SPAM_YES] = "yes",
};

const char *
criteria_spam(enum record_spam spam)
{
	return verdicts[spam];
}

static uint32_t
bit(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? UINT32_C(1) << (letter - 'A')
					      : 0;
}

static uint32_t
bits_of(struct str info)
{
	uint32_t bits = 0;

	if (!str_starts(info, STR_LIT(":2,")))
		return 0;
	for (size_t i = 3; i < info.len; i++)
		bits |= bit(info.at[i]);
	return bits;
}

json_t *
criteria_flags(struct str info)
{
	json_t *words = json_new_array();
	uint32_t bits = bits_of(info);

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (bits & bit(flags[i].letter))
			json_add_text(words, flags[i].word);
	return words;
}

/* Reading. */

static int
too_long(const char *key, struct fault *f)
{
	return fault_perm(
	    f, "5.5.4", "%s: longer than %d bytes", key, CRITERIA_TEXT_MAX);
}

static int
read_caseless(
    struct caseless *c, const json_t *params, const char *key, struct fault *f)
{
	const char *text = json_get_text(params, key);

	if (text == NULL)
		return 0;
	if (strlen(text) > CRITERIA_TEXT_MAX)
		return too_long(key, f);
	caseless_init(c, str(text));
	return 0;
}

static int
read_text(
    struct str *text, const json_t *params, const char *key, struct fault *f)
{
	const char *value = json_get_text(params, key);

	if (value == NULL)
		return 0;
	if (strlen(value) > CRITERIA_TEXT_MAX)
		return too_long(key, f);
	*text = str(mem_dup(value));
	return 0;
}

static int
read_flag(struct criteria *c, const char *word, struct fault *f)
{
	for (size_t i = 0; word != NULL && i < ARRAY_LEN(flags); i++) {
		if (strcmp(word, flags[i].word) == 0)
			c->with_flags |= bit(flags[i].letter);
		else if (strcmp(word, flags[i].not_word) == 0)
			c->without_flags |= bit(flags[i].letter);
		else
			continue;
		return 0;
	}
	return fault_perm(f, "5.5.4",
	    "\"%.40s\" is no flag; there are seen, answered, flagged, "
	    "deleted, draft, forwarded, and each with \"un\" before it",
	    word != NULL ? word : "");
}

static int
read_flags(struct criteria *c, const json_t *params, struct fault *f)
{
	const json_t *words = json_get(params, "flags");

	for (size_t i = 0; i < json_len(words); i++)
		if (read_flag(c, json_text(json_at(words, i)), f) < 0)
			return -1;
	return 0;
}

static int
read_folder(struct criteria *c, const json_t *params, struct fault *f)
{
	const char *folder = json_get_text(params, "folder");

	if (folder == NULL)
		return 0;
	c->has_folder = true;
	return mailbox_folder_parse(str(folder), &c->folder, f);
}

static int
read_spam(struct criteria *c, const json_t *params, struct fault *f)
{
	const char *word = json_get_text(params, "spam");

	if (word == NULL)
		return 0;
	c->has_spam = true;
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
		c->spam = (enum record_spam)i;
		if (strcmp(word, verdicts[i]) == 0)
			return 0;
	}
	return fault_perm(f, "5.5.4", "spam: yes, no or unknown");
}

static int
read_hex(struct buf *b, size_t len, const json_t *params, const char *key,
    struct fault *f)
{
	const char *hex = json_get_text(params, key);

	buf_init(b, len);
	if (hex == NULL)
		return 0;
	if (!buf_put_unhex(b, str(hex)) || buf_is_full(b) || buf_len(b) != len)
		return fault_perm(f, "5.5.4",
		    "%s: it has %zu hexadecimal digits", key, 2 * len);
	return 0;
}

/* Numbers below nothing are nothing. */
static uint64_t
read_size(const json_t *params, const char *key, uint64_t missing)
{
	int64_t n = json_get_int(params, key, -1);

	return n < 0 ? missing : (uint64_t)n;
}

int
criteria_read(struct criteria *c, const json_t *params, struct fault *f)
{
	*c = (struct criteria){
	    .since = json_get_int(params, "since", INT64_MIN),
	    .before = json_get_int(params, "before", INT64_MAX),
	    .sent_since = json_get_int(params, "sent_since", INT64_MIN),
	    .sent_before = json_get_int(params, "sent_before", INT64_MAX),
	    .larger = read_size(params, "larger", 0),
	    .has_larger = json_get(params, "larger") != NULL,
	    .smaller = read_size(params, "smaller", UINT64_MAX),
	    .has_attachments = json_get(params, "attachments") != NULL,
	    .attachments = json_get_bool(params, "attachments", false),
	};
	if (read_caseless(&c->from, params, "from", f) < 0 ||
	    read_caseless(&c->to, params, "to", f) < 0 ||
	    read_caseless(&c->subject, params, "subject", f) < 0 ||
	    read_caseless(&c->list_id, params, "list_id", f) < 0 ||
	    read_text(&c->message_id, params, "message_id", f) < 0 ||
	    read_text(&c->id, params, "id", f) < 0 ||
	    read_folder(c, params, f) < 0 || read_spam(c, params, f) < 0 ||
	    read_hex(&c->digest, DIGEST_FILE_LEN, params, "digest", f) < 0 ||
	    read_hex(&c->body, DIGEST_BODY_LEN, params, "body", f) < 0)
		return -1;
	return read_flags(c, params, f);
}

void
criteria_clear(struct criteria *c)
{
	caseless_clear(&c->from);
	caseless_clear(&c->to);
	caseless_clear(&c->subject);
	caseless_clear(&c->list_id);
	buf_clear(&c->digest);
	buf_clear(&c->body);
	mem_free((char *)(uintptr_t)c->message_id.at);
	mem_free((char *)(uintptr_t)c->id.at);
	*c = (struct criteria){0};
}

/* Comparing. */

bool
criteria_want_folder(const struct criteria *c,
    const struct mailbox_folder *folder, uint64_t messages, uint64_t unseen)
{
	if (c->has_folder && strcmp(c->folder.dir, folder->dir) != 0)
		return false;
	if (c->without_flags & bit('S'))
		return unseen > 0;
	return messages > 0;
}

static bool
match_numbers(const struct criteria *c, const struct record *r)
{
	if (r->stored < c->since || r->stored >= c->before)
		return false;
	if (r->size >= c->smaller || (c->has_larger && r->size <= c->larger))
		return false;
	/* A message without a date was sent at no time. */
	if (c->sent_since == INT64_MIN && c->sent_before == INT64_MAX)
		return true;
	return r->date != 0 && r->date >= c->sent_since &&
	       r->date < c->sent_before;
}

static bool
match_flags(const struct criteria *c, const struct record *r)
{
	uint32_t bits;

	if ((c->with_flags | c->without_flags) == 0)
		return true;
	bits = bits_of(r->info);
	return (bits & c->with_flags) == c->with_flags &&
	       (bits & c->without_flags) == 0;
}

/* What is not known is neither. */
static bool
match_content(const struct criteria *c, const struct record *r)
{
	if (c->has_attachments &&
	    (!r->has_attachments || (r->attachments > 0) != c->attachments))
		return false;
	if (c->has_spam && r->spam != c->spam)
		return false;
	if (buf_len(&c->digest) > 0 &&
	    !str_starts(r->digest, buf_str(&c->digest)))
		return false;
	return buf_len(&c->body) == 0 ||
	       str_is(buf_str(&c->body), str_from(r->digest, DIGEST_FILE_LEN));
}

static struct str
without_brackets(struct str s)
{
	if (s.len > 2 && s.at[0] == '<' && s.at[s.len - 1] == '>')
		return str_n(s.at + 1, s.len - 2);
	return s;
}

bool
criteria_match(const struct criteria *c, const struct mailbox_folder *folder,
    struct str base, const struct record *r)
{
	if (!match_numbers(c, r) || !match_flags(c, r) || !match_content(c, r))
		return false;
	/* The record may have only the beginning. */
	if (c->message_id.at != NULL &&
	    !str_is(r->message_id,
		str_head(without_brackets(c->message_id), RECORD_TEXT_MAX)))
		return false;
	if (c->id.at != NULL && !handle_means(c->id, str(folder->dir), base))
		return false;
	return (caseless_is_in(&c->from, r->sender) ||
		   caseless_is_in(&c->from, r->sender_name)) &&
	       caseless_is_in(&c->to, r->recipients) &&
	       caseless_is_in(&c->subject, r->subject) &&
	       caseless_is_in(&c->list_id, r->list_id);
}
