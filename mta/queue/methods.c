/* SPDX-License-Identifier: ISC */
/* The operator's methods that only look. */
#include "config.h"

#include "mta/queue/methods.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "mta/queue/methods_private.h"

enum {
	SEEN_MAX = 20000, /* entries in one call */
	WALK_MS = 500,
	LIST_LIMIT = 100,
	LIST_MAX = 1000,
	LIST_RCPTS = 10,
	HEADER_MAX = 64 << 10,
	PIECE_MAX = 256 << 10,
};

static const char *const state_names[] = {
    [ENTRY_WAITING] = "waiting",
    [ENTRY_DELIVERED] = "delivered",
    [ENTRY_FAILED] = "failed",
};

struct queue *
queue_admin_queue(const struct queue_admin *admin, struct fault *f)
{
	if (admin->queue == NULL)
		fault_temp(f, "4.3.2", "the queue is not open yet");
	return admin->queue;
}

/* Walks. */

int
walk_begin(struct walk *w, const json_t *params, const struct selection *s,
    struct fault *f)
{
	const char *from = json_get_text(params, "from");

	*w = (struct walk){.until = clock_ms() + WALK_MS};
	if (from != NULL && !ident_is_ours(str(from)))
		return fault_perm(f, "5.5.4", "from: \"%.40s\" is no id", from);
	if (from == NULL && s->id.len > 0)
		(void)!str_copy(s->id, w->from.text, sizeof w->from.text);
	else if (from != NULL)
		(void)!str_copy(str(from), w->from.text, sizeof w->from.text);
	return 0;
}

void
walk_stop(struct walk *w, const struct entry *e)
{
	w->next = e->id;
}

bool
walk_step(struct walk *w, const struct entry *e)
{
	/* At least one, or the next call would be at the same place. */
	if (w->seen > 0 && (w->seen == SEEN_MAX || clock_ms() > w->until)) {
		walk_stop(w, e);
		return false;
	}
	w->seen++;
	return true;
}

void
walk_put_next(const struct walk *w, json_t *result)
{
	if (w->next.text[0] != '\0')
		json_put_text(result, "next", w->next.text);
}

/* Entries as objects. */

static void
put_address(json_t *object, const char *key, const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];

	address_format(a, text);
	json_put_text(object, key, text);
}

static void
may_put(json_t *object, const char *key, struct str text)
{
	if (text.len > 0)
		json_put_str(object, key, text);
}

static json_t *
make_rcpt(const struct entry *e, const struct entry_rcpt *r)
{
	json_t *o = json_new_object();

	put_address(o, "recipient", &r->to.forward_path);
	json_put_text(o, "state", state_names[r->state]);
	json_put_int(o, "attempts", r->attempts);
	json_put_int(o, "due", r->due);
	if (r->last > 0)
		json_put_int(o, "last", r->last);
	may_put(o, "dsn", str(r->fault.dsn));
	may_put(o, "reason", str(r->fault.text));
	may_put(o, "reply", r->reply);
	may_put(o, "host", r->host);
	may_put(o, "address", r->address);
	if (r->goes_via)
		may_put(o, "via", e->via);
	return o;
}

/* The recipients that are meant, as many as fit; without a selection all. */
static json_t *
make_message(const struct entry *e, const struct selection *s)
{
	json_t *o = json_new_object(), *rcpts = json_new_array();

	json_put_text(o, "id", e->id.text);
	json_put_int(o, "arrived", e->arrived);
	json_put_int(o, "expires", e->expires);
	json_put_int(o, "size", (int64_t)e->size);
	put_address(o, "sender", &e->mail.reverse_path);
	json_put_str(o, "owner", e->owner);
	json_put_bool(o, "held", e->is_held);
	json_put_bool(o, "notice", e->is_notice);
	for (size_t i = 0; i < e->n_rcpts; i++) {
		if (s == NULL || (selection_has_rcpt(s, &e->rcpts[i]) &&
				     json_len(rcpts) < LIST_RCPTS))
			json_add(rcpts, make_rcpt(e, &e->rcpts[i]));
	}
	json_put(o, "recipients", rcpts);
	json_put_int(o, "total", (int64_t)e->n_rcpts);
	return o;
}

/* queue.list */

struct list {
	struct selection selection;
	struct walk walk;
	json_t *messages;
	size_t limit;
};

static int
list_entry(void *ctx, const struct entry *e)
{
	struct list *l = ctx;

	if (json_len(l->messages) == l->limit) {
		walk_stop(&l->walk, e);
		return 1;
	}
	if (!walk_step(&l->walk, e))
		return 1;
	if (selection_has(&l->selection, e))
		json_add(l->messages, make_message(e, &l->selection));
	/* There is no second one of that id. */
	return l->selection.id.len > 0 ? 1 : 0;
}

static json_t *
on_list(void *ctx, const json_t *params, struct fault *f)
{
	struct queue *queue = queue_admin_queue(ctx, f);
	int64_t limit = json_get_int(params, "limit", LIST_LIMIT);
	struct list l = {.limit = (size_t)limit};
	json_t *result;

	if (limit < 1 || limit > LIST_MAX) {
		fault_perm(f, "5.5.4", "limit: from 1 to %d", LIST_MAX);
		return NULL;
	}
	if (queue == NULL ||
	    selection_read(params, false, &l.selection, f) < 0 ||
	    walk_begin(&l.walk, params, &l.selection, f) < 0)
		return NULL;
	l.messages = json_new_array();
	if (queue_each(queue, l.walk.from.text[0] != '\0' ? &l.walk.from : NULL,
		list_entry, &l, f) < 0) {
		json_free(&l.messages);
		return NULL;
	}
	result = json_new_object();
	json_put(result, "messages", l.messages);
	walk_put_next(&l.walk, result);
	return result;
}

/* queue.show */

static int
get_entry(struct queue *queue, const json_t *params, struct arena *arena,
    struct entry *e, struct fault *f)
{
	const char *text = json_get_text(params, "id");
	struct ident id = {.text = ""};
	int found;

	if (text == NULL || !ident_is_ours(str(text)))
		return fault_perm(f, "5.5.4", "id: which message?");
	(void)!str_copy(str(text), id.text, sizeof id.text);
	found = queue_get(queue, &id, arena, e, f);
	if (found == 0)
		return fault_perm(
		    f, "5.1.1", "there is no message %s in the queue", text);
	return found < 0 ? -1 : 0;
}

/* Up to the empty line, or HEADER_MAX. */
static int
put_header(void *ctx, struct str bytes, struct fault *f)
{
	struct buf *b = ctx;

	buf_put_str(b, str_head(bytes, HEADER_MAX - buf_len(b)));
	/* Any other value than 0 would be a fault. */
	(void)f;
	return 0;
}

static void
cut_header(struct buf *b)
{
	struct str text = buf_str(b);

	for (size_t i = 0; i + 4 <= text.len; i++) {
		if (memcmp(text.at + i, "\r\n\r\n", 4) == 0) {
			buf_truncate(b, i + 2);
			return;
		}
	}
}

static void
put_envelope(json_t *o, const struct entry *e)
{
	static const char *const bodies[] = {
	    [BODY_7BIT] = "7BIT",
	    [BODY_8BITMIME] = "8BITMIME",
	    [BODY_BINARYMIME] = "BINARYMIME",
	};
	const struct envelope_xforward *x = &e->client;
	json_t *client = json_new_object();

	json_put_text(o, "body", bodies[e->mail.body]);
	json_put_bool(o, "smtputf8", e->mail.smtputf8);
	json_put_bool(o, "requiretls", e->mail.requiretls);
	json_put_bool(o, "verp", e->mail.verp);
	if (e->mail.ret != RET_UNSET)
		json_put_text(
		    o, "ret", e->mail.ret == RET_FULL ? "FULL" : "HDRS");
	may_put(o, "envid", e->mail.envid);
	may_put(o, "auth", e->mail.auth);
	may_put(client, "name", x->name);
	may_put(client, "addr", x->addr);
	may_put(client, "port", x->port);
	may_put(client, "proto", x->proto);
	may_put(client, "helo", x->helo);
	may_put(client, "source", x->source);
	json_put(o, "client", client);
}

static json_t *
on_show(void *ctx, const json_t *params, struct fault *f)
{
	struct queue *queue = queue_admin_queue(ctx, f);
	struct arena arena = {0};
	json_t *o = NULL;
	struct entry e;
	struct buf header;

	buf_init(&header, HEADER_MAX);
	if (queue == NULL || get_entry(queue, params, &arena, &e, f) < 0 ||
	    queue_each_piece(queue, &e, put_header, &header, f) < 0)
		goto out;
	cut_header(&header);
	o = make_message(&e, NULL);
	put_envelope(o, &e);
	json_put_str(o, "header", buf_str(&header));
out:
	buf_clear(&header);
	arena_clear(&arena);
	return o;
}

/* queue.body */

struct piece {
	uint64_t skip, left;
	struct buf bytes;
};

static int
put_part(void *ctx, struct str bytes, struct fault *f)
{
	struct piece *p = ctx;
	uint64_t skip = p->skip < bytes.len ? p->skip : bytes.len;

	(void)f;
	p->skip -= skip;
	bytes = str_from(bytes, (size_t)skip);
	if (bytes.len > p->left)
		bytes = str_head(bytes, (size_t)p->left);
	p->left -= bytes.len;
	buf_put_str(&p->bytes, bytes);
	return 0;
}

static json_t *
make_piece(const struct entry *e, int64_t offset, const struct buf *bytes)
{
	uint64_t next = (uint64_t)offset + buf_len(bytes);
	json_t *o = json_new_object();
	struct buf text;

	buf_init(&text, PIECE_MAX * 2);
	crypto_base64_put(&text, buf_str(bytes));
	json_put_int(o, "offset", offset);
	json_put_int(o, "size", (int64_t)e->size);
	json_put_str(o, "base64", buf_str(&text));
	if (next < e->size && buf_len(bytes) > 0)
		json_put_int(o, "next", (int64_t)next);
	buf_clear(&text);
	return o;
}

static json_t *
on_body(void *ctx, const json_t *params, struct fault *f)
{
	struct queue *queue = queue_admin_queue(ctx, f);
	int64_t offset = json_get_int(params, "offset", 0);
	int64_t limit = json_get_int(params, "limit", PIECE_MAX);
	struct piece p = {(uint64_t)offset, (uint64_t)limit, {0}};
	struct arena arena = {0};
	json_t *o = NULL;
	struct entry e;

	if (offset < 0 || limit < 1 || limit > PIECE_MAX) {
		fault_perm(f, "5.5.4", "offset: from 0; limit: from 1 to %d",
		    PIECE_MAX);
		return NULL;
	}
	buf_init(&p.bytes, PIECE_MAX);
	if (queue != NULL && get_entry(queue, params, &arena, &e, f) == 0 &&
	    queue_each_piece(queue, &e, put_part, &p, f) == 0)
		o = make_piece(&e, offset, &p.bytes);
	buf_clear(&p.bytes);
	arena_clear(&arena);
	return o;
}

const struct control_method queue_methods[] = {
    {"queue.list", on_list},
    {"queue.show", on_show},
    {"queue.body", on_body},
    {"queue.retry", queue_method_retry},
    {"queue.hold", queue_method_hold},
    {"queue.release", queue_method_release},
    {"queue.delete", queue_method_delete},
    {"queue.bounce", queue_method_bounce},
    {"queue.redirect", queue_method_redirect},
    {"queue.drain", queue_method_drain},
    {"queue.flush", queue_method_flush},
    {"queue.backup", queue_method_backup},
    {"queue.pause", queue_method_pause},
    {"queue.resume", queue_method_resume},
    {"queue.stats", queue_method_stats},
    {"route.explain", queue_method_explain},
    {"tls.policies", queue_method_policies},
    {"tls.forget", queue_method_forget},
    {"tls.counts", queue_method_counts},
    {"tls.report", queue_method_report},
    {NULL, NULL},
};
