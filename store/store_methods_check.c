/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods that compare the index with what is there. Parameters,
 * "?" where they may be missing:
 *
 *   mailbox.names    after?
 *   mailbox.verify   mailbox? repair?
 *   mailbox.rebuild  mailbox?
 *   mailbox.digests  mailbox folder after?
 *   mailbox.learn    mailbox folder digests
 *
 * names are those of all mailboxes that are on disk or in the index. digests are
 * [{base, digest (store/digest.h)}], of the messages of a folder in the order of their base names,
 * without a digest where none is known; for mailbox.learn [{base, size, digest,
 * attachments}], which fills those in. Where there are more, the result has next:
 * what to give as `after`.
 */
#include "config.h"

#include "store/store.h"

#include <stdio.h>

#include "store/index.h"
#include "store/store_private.h"

enum { NAMES_LIMIT = 5000, DIGESTS_LIMIT = 2000 };

struct call {
	const json_t *params;
	struct mailbox_name mailbox; /* text "": all */
	struct mailbox_folder folder;
	enum index_check_how how;
	json_t *result, *items; /* the items are in the result */
	struct mailbox_name after;
	struct buf last; /* base name, in hexadecimal digits */
	bool more;
};

/* mailbox.names */

static int
add_name(void *ctx, const struct mailbox_name *mailbox)
{
	struct call *c = ctx;

	if (json_len(c->items) == NAMES_LIMIT) {
		json_put_text(c->result, "next",
		    json_text(json_at(c->items, NAMES_LIMIT - 1)));
		return 1;
	}
	json_add_text(c->items, mailbox->text);
	return 0;
}

static int
names(struct index *index, void *ctx, struct fault *f)
{
	struct call *c = ctx;

	c->items = json_new_array();
	json_put(c->result, "names", c->items);
	return index_each_name(index, str(c->after.path), add_name, c, f) < 0
		   ? -1
		   : 0;
}

json_t *
store_method_names(void *ctx, const json_t *params, struct fault *f)
{
	const char *after = json_get_text(params, "after");
	struct call c = {0};

	if (after != NULL && mailbox_name_parse(str(after), &c.after, f) < 0)
		return NULL;
	return store_answer(ctx, names, &c, &c.result, f);
}

/* mailbox.verify and mailbox.rebuild */

static int
check(struct index *index, void *ctx, struct fault *f)
{
	struct call *c = ctx;
	struct str path = str(c->mailbox.path);
	struct index_difference d, all;
	uint64_t folders, left;

	if (index_check(index, path, c->how, &d, &folders, f) < 0)
		return -1;
	/* Mending looks only at what differs. */
	if (c->how == INDEX_MEND) {
		if (index_check(index, path, INDEX_COMPARE, &all, &folders, f) <
		    0)
			return -1;
		d.damaged = all.damaged;
	}
	if (folders == 0 && c->mailbox.text[0] != '\0')
		return fault_perm(
		    f, "5.1.1", "there is no mailbox %s", c->mailbox.text);
	if (c->mailbox.text[0] != '\0')
		json_put_text(c->result, "mailbox", c->mailbox.text);
	json_put_int(c->result, "folders", (int64_t)folders);
	json_put_int(c->result, "messages", (int64_t)d.messages);
	json_put_int(c->result, "damaged", (int64_t)d.damaged);
	if (c->how == INDEX_REMAKE)
		return 0;
	json_put_int(c->result, "missing", (int64_t)d.missing);
	json_put_int(c->result, "stale", (int64_t)d.stale);
	json_put_int(c->result, "changed", (int64_t)d.changed);
	left = c->how == INDEX_MEND ? 0 : d.missing + d.stale + d.changed;
	json_put_bool(c->result, "ok", left + d.damaged == 0);
	return 0;
}

json_t *
store_method_verify(void *ctx, const json_t *params, struct fault *f)
{
	struct call c = {.how = INDEX_COMPARE};

	if (json_get_bool(params, "repair", false))
		c.how = INDEX_MEND;
	if (store_read_mailbox(params, false, &c.mailbox, f) < 0)
		return NULL;
	return store_answer(ctx, check, &c, &c.result, f);
}

json_t *
store_method_rebuild(void *ctx, const json_t *params, struct fault *f)
{
	struct call c = {.how = INDEX_REMAKE};

	if (store_read_mailbox(params, false, &c.mailbox, f) < 0)
		return NULL;
	return store_answer(ctx, check, &c, &c.result, f);
}

/* mailbox.digests */

static int
read_folder(struct call *c, struct fault *f)
{
	const char *folder = json_get_text(c->params, "folder");

	if (store_read_mailbox(c->params, true, &c->mailbox, f) < 0)
		return -1;
	if (folder == NULL)
		return fault_perm(f, "5.5.4", "which folder?");
	return mailbox_folder_parse(str(folder), &c->folder, f);
}

static int
add_digest(void *ctx, struct str base, const struct record *r)
{
	struct call *c = ctx;
	json_t *item;
	struct buf hex;

	if (json_len(c->items) == DIGESTS_LIMIT) {
		c->more = true;
		return 1;
	}
	item = json_new_object();
	json_put_str(item, "base", base);
	if (r->digest.len > 0) {
		buf_init(&hex, 2 * DIGEST_LEN);
		buf_put_hex(&hex, r->digest);
		json_put_text(item, "digest", buf_text(&hex));
		buf_clear(&hex);
	}
	json_add(c->items, item);
	buf_reset(&c->last);
	buf_put_hex(&c->last, base);
	return 0;
}

static int
digests(struct index *index, void *ctx, struct fault *f)
{
	struct call *c = ctx;
	const char *hex = json_get_text(c->params, "after");
	struct buf after;
	int rc;

	c->more = false;
	c->items = json_new_array();
	json_put(c->result, "digests", c->items);
	/* A cursor is a name, which need not be UTF-8, in hexadecimal digits. */
	buf_init(&after, MAILDIR_NAME_SIZE);
	if (hex != NULL && !buf_put_unhex(&after, str(hex)))
		rc = fault_perm(f, "5.5.4", "%s is no place to go on", hex);
	else
		rc = index_each_message(index, &c->mailbox, &c->folder,
		    buf_str(&after), add_digest, c, f);
	if (c->more)
		json_put_text(c->result, "next", buf_text(&c->last));
	buf_clear(&after);
	return rc < 0 ? -1 : 0;
}

json_t *
store_method_digests(void *ctx, const json_t *params, struct fault *f)
{
	struct call c = {.params = params};
	json_t *result = NULL;

	buf_init(&c.last, 2 * MAILDIR_NAME_SIZE);
	if (read_folder(&c, f) == 0)
		result = store_answer(ctx, digests, &c, &c.result, f);
	buf_clear(&c.last);
	return result;
}

/* mailbox.learn */

static int
learn_one(
    struct index *index, struct call *c, const json_t *item, struct fault *f)
{
	const char *base = json_get_text(item, "base");
	const char *hex = json_get_text(item, "digest");
	int64_t size = json_get_int(item, "size", -1);
	int64_t attachments = json_get_int(item, "attachments", -1);
	struct index_digest d = {.base = str(base)};
	struct buf digest;
	int rc;

	buf_init(&digest, DIGEST_LEN);
	if (base == NULL || hex == NULL || size < 0 || attachments < 0 ||
	    attachments > UINT32_MAX || !buf_put_unhex(&digest, str(hex)) ||
	    buf_len(&digest) != DIGEST_LEN) {
		buf_clear(&digest);
		return fault_perm(f, "5.5.4", "this is no digest");
	}
	d.digest = buf_str(&digest);
	d.size = (uint64_t)size;
	d.attachments = (uint32_t)attachments;
	rc = index_put_digest(index, &c->mailbox, &c->folder, &d, f);
	buf_clear(&digest);
	return rc;
}

static int
learn(struct index *index, void *ctx, struct fault *f)
{
	struct call *c = ctx;
	const json_t *items = json_get(c->params, "digests");
	int64_t n = 0;

	for (size_t i = 0; i < json_len(items); i++) {
		int rc = learn_one(index, c, json_at(items, i), f);

		if (rc < 0)
			return -1;
		n += rc;
	}
	json_put_int(c->result, "learnt", n);
	return 0;
}

json_t *
store_method_learn(void *ctx, const json_t *params, struct fault *f)
{
	struct call c = {.params = params};

	return read_folder(&c, f) < 0
		   ? NULL
		   : store_answer(ctx, learn, &c, &c.result, f);
}
