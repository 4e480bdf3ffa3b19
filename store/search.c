/* SPDX-License-Identifier: ISC */
/*
 * A page of a search. It reads beside the index' writer, so mail that comes is
 * learnt of meanwhile.
 */
#include "config.h"

#include "store/search.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/db.h"
#include "base/loop.h"
#include "proto/domain.h"
#include "store/criteria.h"
#include "store/handle.h"
#include "store/index.h"
#include "store/store_private.h"

enum {
	LIMIT_MAX = 1000,
	CALL_MS = 300,   /* of reading a call */
	CLOCK_EACH = 64, /* records between two looks at the clock */
	ENOUGH = 1,      /* ends the scan */
	TRIES = 3,
	CURSOR_MAX = MAILDIR_PATH_SIZE + MAILDIR_NAME_SIZE + 8,
};

struct search {
	struct store *store;
	struct criteria criteria;
	struct mailbox_name mailbox; /* text "": all */
	struct buf path;             /* of the range */
	size_t limit;
	bool count, brief;

	/* Where the page before ended. */
	struct buf cursor; /* path NUL dir NUL base NUL "1" or "0" */
	struct str from, after;
	bool had; /* the mailbox had messages that are meant */

	/* What is under way. */
	const struct mailbox_name *in_mailbox;
	const struct mailbox_folder *in_folder;
	char last_mailbox[MAILBOX_NAME_SIZE]; /* path */
	int64_t until;
	unsigned seen;
	json_t *items;
	uint64_t messages, bytes, mailboxes;
	struct buf next;
};

static void
put_text(json_t *item, const char *key, struct str text)
{
	if (text.len > 0)
		json_put_str(item, key, text);
}

static void
put_hex(json_t *item, const char *key, struct str bytes)
{
	struct buf hex;

	buf_init(&hex, 2 * DIGEST_LEN);
	buf_put_hex(&hex, bytes);
	put_text(item, key, buf_str(&hex));
	buf_clear(&hex);
}

/* What a list of messages does not show. */
static void
put_rest(json_t *item, struct str base, const struct record *r)
{
	char file[MAILDIR_NAME_SIZE + 8];
	struct maildir_name name;

	snprintf(file, sizeof file, "%s/%.*s%.*s",
	    r->place == RECORD_NEW ? "new" : "cur", STR_ARG(base),
	    STR_ARG(r->info));
	json_put_text(item, "file", file);
	if (r->date != 0)
		json_put_int(item, "date", r->date);
	put_text(item, "from_name", r->sender_name);
	put_text(item, "to", r->recipients);
	put_text(item, "message_id", r->message_id);
	put_text(item, "list_id", r->list_id);
	if (r->has_attachments)
		json_put_int(item, "attachments", r->attachments);
	if (r->spam != RECORD_SPAM_UNKNOWN)
		json_put_text(item, "spam", criteria_spam(r->spam));
	put_hex(item, "digest", str_head(r->digest, DIGEST_FILE_LEN));
	put_hex(item, "body", str_from(r->digest, DIGEST_FILE_LEN));
	if (maildir_name_parse(base, &name))
		put_text(item, "delivery_id", name.ident);
}

static json_t *
item_of(const struct search *s, struct str base, const struct record *r)
{
	json_t *item = json_new_object();
	char handle[HANDLE_SIZE];

	handle_format(str(s->in_folder->dir), base, handle);
	json_put_text(item, "mailbox", s->in_mailbox->text);
	json_put_text(item, "folder", mailbox_folder_shown(s->in_folder));
	json_put_text(item, "id", handle);
	json_put_int(item, "size", (int64_t)r->size);
	if (r->stored != 0)
		json_put_int(item, "stored", r->stored);
	json_put(item, "flags", criteria_flags(r->info));
	put_text(item, "from", r->sender);
	put_text(item, "subject", r->subject);
	if (!s->brief)
		put_rest(item, base, r);
	return item;
}

static void
take(struct search *s, struct str base, const struct record *r)
{
	if (!s->had)
		s->mailboxes++;
	s->had = true;
	s->messages++;
	s->bytes += r->size;
	if (!s->count)
		json_add(s->items, item_of(s, base, r));
}

/* The page ends behind this message. */
static int
end_page(struct search *s, struct str base)
{
	buf_puts(&s->next, s->in_mailbox->path);
	buf_putc(&s->next, '\0');
	buf_puts(&s->next, s->in_folder->dir);
	buf_putc(&s->next, '\0');
	buf_put_str(&s->next, base);
	buf_putc(&s->next, '\0');
	buf_putc(&s->next, s->had ? '1' : '0');
	return ENOUGH;
}

static int
see_message(void *ctx, struct str base, const struct record *r)
{
	struct search *s = ctx;

	if (criteria_match(&s->criteria, s->in_folder, base, r))
		take(s, base, r);
	if (!s->count && s->messages == s->limit)
		return end_page(s, base);
	if (++s->seen % CLOCK_EACH == 0 && clock_ms() >= s->until)
		return end_page(s, base);
	return 0;
}

static bool
see_folder(void *ctx, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_stat *stat)
{
	struct search *s = ctx;

	if (strcmp(s->last_mailbox, mailbox->path) != 0) {
		s->had = false;
		memcpy(s->last_mailbox, mailbox->path, sizeof mailbox->path);
	}
	s->in_mailbox = mailbox;
	s->in_folder = folder;
	return criteria_want_folder(
	    &s->criteria, folder, stat->messages, stat->unseen);
}

/* Parameters. */

static int
read_range(struct search *s, const json_t *params, struct fault *f)
{
	const char *text = json_get_text(params, "domain");
	char domain[DOMAIN_SIZE];

	if (store_read_mailbox(params, false, &s->mailbox, f) < 0)
		return -1;
	if (s->mailbox.text[0] != '\0' && text != NULL)
		return fault_perm(f, "5.5.4", "mailbox or domain, not both");
	buf_puts(&s->path, s->mailbox.path);
	if (text == NULL)
		return 0;
	if (!domain_to_ascii(str(text), domain))
		return fault_perm(f, "5.1.2", "%.100s is no domain", text);
	buf_putf(&s->path, "%s/", domain);
	return 0;
}

static int
read_cursor(struct search *s, const json_t *params, struct fault *f)
{
	const char *text = json_get_text(params, "after");
	struct str rest, path, dir;

	if (text == NULL)
		return 0;
	if (!crypto_base64_take(&s->cursor, str(text)))
		return fault_perm(f, "5.5.4", "after: that was no next");
	rest = buf_str(&s->cursor);
	path = str_cut(&rest, '\0');
	dir = str_cut(&rest, '\0');
	s->after = str_cut(&rest, '\0');
	if (rest.len != 1 ||
	    !str_copy(path, s->last_mailbox, sizeof s->last_mailbox))
		return fault_perm(f, "5.5.4", "after: that was no next");
	s->from = str_n(path.at, path.len + 1 + dir.len);
	s->had = rest.at[0] == '1';
	return 0;
}

static int
read_params(struct search *s, const json_t *params, struct fault *f)
{
	int64_t limit = json_get_int(params, "limit", LIMIT_MAX);

	if (limit < 1 || limit > LIMIT_MAX)
		return fault_perm(f, "5.5.4", "limit: from 1 to %d", LIMIT_MAX);
	s->limit = (size_t)limit;
	s->count = json_get_bool(params, "count", false);
	s->brief = json_get_bool(params, "brief", false);
	if (criteria_read(&s->criteria, params, f) < 0 ||
	    read_range(s, params, f) < 0)
		return -1;
	return read_cursor(s, params, f);
}

static int
read_page(struct search *s, struct fault *f)
{
	struct index_scan scan = {
	    .path = buf_str(&s->path),
	    .from = s->from,
	    .after = s->after,
	    .want = see_folder,
	    .each = see_message,
	    .ctx = s,
	};
	int rc;

	s->until = clock_ms() + CALL_MS;
	loop_blocking_begin();
	rc = index_scan(s->store->index, &scan, f);
	loop_blocking_end();
	return rc;
}

static json_t *
answer(struct search *s)
{
	json_t *result = json_new_object();
	struct buf next;

	if (s->count) {
		json_put_int(result, "messages", (int64_t)s->messages);
		json_put_int(result, "bytes", (int64_t)s->bytes);
		json_put_int(result, "mailboxes", (int64_t)s->mailboxes);
	} else {
		json_put(result, "messages", json_hold(s->items));
	}
	if (buf_len(&s->next) == 0)
		return result;
	buf_init(&next, 2 * CURSOR_MAX);
	crypto_base64_put(&next, buf_str(&s->next));
	json_put_text(result, "next", buf_text(&next));
	buf_clear(&next);
	return result;
}

static json_t *
search(struct search *s, const json_t *params, struct fault *f)
{
	if (read_params(s, params, f) < 0)
		return NULL;
	/* At the first page only. */
	if (s->from.len == 0 && store_catch_up(s->store, &s->mailbox, f) < 0)
		return NULL;
	return read_page(s, f) < 0 ? NULL : answer(s);
}

json_t *
search_messages(struct store *store, const json_t *params, struct fault *f)
{
	json_t *result = NULL;

	/* Behind what has failed for good the index is mended. */
	for (int tries = 0; tries < TRIES; tries++) {
		struct search s = {.store = store, .items = json_new_array()};

		buf_init(&s.path, MAILBOX_NAME_SIZE);
		buf_init(&s.cursor, CURSOR_MAX);
		buf_init(&s.next, CURSOR_MAX);
		result = search(&s, params, f);
		criteria_clear(&s.criteria);
		json_free(&s.items);
		buf_clear(&s.path);
		buf_clear(&s.cursor);
		buf_clear(&s.next);
		if (result != NULL || !db_is_damage(f))
			break;
	}
	return result;
}
