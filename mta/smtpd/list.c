/* SPDX-License-Identifier: ISC */
/* From a message to what the members get. */
#include "config.h"

#include "mta/smtpd/list.h"

#include <string.h>

#include "base/mem.h"
#include "base/spool.h"
#include "mta/send/lmtp_pool.h"
#include "mta/smtpd/list_header.h"
#include "mta/smtpd/success_notice.h"
#include "mta/smtpd/part.h"
#include "mta/smtpd/session.h"
#include "proto/socketmap.h"

enum {
	HEADER_MAX = 1 << 20,
	BODY_IN_MEMORY = 64 << 10,
	/* Ids of the parts of a message: forwarding counts from the other end
	 * (proto/ident.h). A list has three. */
	SIBLING_LAST = 32767,
	SIBLINGS = 3,
	LISTS_MAX = 8000, /* an alias may lead to several */
};
_Static_assert(SMTPD_RECIPIENTS_MAX <= SIBLING_LAST - SIBLINGS * LISTS_MAX,
    "a part that is forwarded could have the id of a list's");

/* One list and the message for it. */
struct list {
	struct smtpd_session *s;
	const struct smtp_state *st;
	const struct envelope_rcpt *rcpt; /* the list's address */
	size_t nth;                       /* of the lists of the message */
	struct arena arena;
	struct list_facts facts;
	struct address owner;
	bool verp;
	/* The members; those of whom SMTPUTF8 is needed stand last. */
	struct envelope_rcpt *members;
	size_t n, room, n_ascii;
	struct buf header;  /* the message's own section */
	struct buf head;    /* what stands before the body */
	struct spool *copy; /* of the message, changed; NULL: as it came */
	bool doubt;         /* the queue has it for some, or may have it */
};

int
list_owner(const struct address *list, struct address *owner, struct fault *f)
{
	static const char prefix[] = "owner-";
	char text[sizeof prefix + ADDRESS_TEXT_SIZE];

	memcpy(text, prefix, sizeof prefix);
	address_format(list, text + sizeof prefix - 1);
	return address_parse(str(text), owner, f);
}

/* What the directory says. */

static int
look_up(struct list *l, const char *map, struct str key, struct buf *value,
    struct fault *f)
{
	struct fault why;
	int found =
	    socketmap_look_up(l->s->smtpd->directory, map, key, value, &why);

	if (found >= 0)
		return found;
	if (why.kind == FAULT_PERM) {
		*f = why;
		fault_take_code(f);
		return -1;
	}
	log_warn(&l->s->log, "no directory", "reason", why.text, NULL);
	return fault_temp(
	    f, "4.3.0", "the directory is not available, try later");
}

/* "verp=no from=keep id=team.example.org unsubscribe= title=The Team" */
static void
read_settings(struct list *l, struct str text)
{
	while (text.len > 0) {
		struct str rest = text, value = str_cut(&text, ' ');
		struct str name = str_cut(&value, '=');

		if (str_is(name, STR_LIT("verp"))) {
			l->verp = str_is(value, STR_LIT("yes"));
		} else if (str_is(name, STR_LIT("from"))) {
			l->facts.rewrites_from =
			    str_is(value, STR_LIT("rewrite"));
		} else if (str_is(name, STR_LIT("id"))) {
			l->facts.id = value;
		} else if (str_is(name, STR_LIT("unsubscribe"))) {
			l->facts.unsubscribe = value;
		} else if (str_is(name, STR_LIT("title"))) {
			str_cut(&rest, '=');
			l->facts.title = rest;
			break;
		}
	}
}

static int
find_settings(struct list *l, struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE], owner[ADDRESS_TEXT_SIZE];
	struct buf value;
	int found;

	if (list_owner(&l->rcpt->forward_path, &l->owner, f) < 0)
		return -1;
	address_format(&l->rcpt->forward_path, text);
	address_format(&l->owner, owner);
	l->facts.address = arena_str(&l->arena, str(text));
	l->facts.owner = arena_str(&l->arena, str(owner));
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = look_up(l, "group", l->facts.address, &value, f);
	if (found > 0)
		read_settings(l, arena_str(&l->arena, buf_str(&value)));
	buf_clear(&value);
	if (found == 0 || (found > 0 && l->facts.id.len == 0))
		return fault_perm(f, "5.1.1", "<%s>: no such list here", text);
	return found < 0 ? -1 : 0;
}

static int
add_member(struct list *l, struct str text, struct fault *f)
{
	struct envelope_rcpt *m;

	if (l->n == LIST_MEMBERS_MAX)
		return fault_perm(f, "5.2.4",
		    "<%.*s>: this list has more than %d members",
		    STR_ARG(l->facts.address), LIST_MEMBERS_MAX);
	if (l->n == l->room) {
		l->room = l->room == 0 ? 16 : 2 * l->room;
		l->members = mem_resize(l->members, l->room, sizeof *m);
	}
	m = &l->members[l->n];
	*m = (struct envelope_rcpt){.notify = NOTIFY_FAILURE};
	if (address_parse(text, &m->forward_path, f) < 0)
		return fault_temp(
		    f, "4.3.0", "the directory's answer is no address");
	l->n++;
	if (!m->forward_path.is_utf8) {
		struct envelope_rcpt last = *m;

		*m = l->members[l->n_ascii];
		l->members[l->n_ascii++] = last;
	}
	return 0;
}

/* One piece; 1, 0 where there are no more, -1. last is the last name so far. */
static int
find_more(struct list *l, struct buf *last, struct buf *value, struct fault *f)
{
	struct buf key;
	struct str rest;
	int rc;

	buf_init(&key, SOCKETMAP_QUERY_MAX);
	buf_put_str(&key, l->facts.address);
	if (buf_len(last) > 0)
		buf_putf(&key, " %s", buf_text(last));
	rc = look_up(l, "members", buf_str(&key), value, f);
	buf_clear(&key);
	if (rc > 0)
		for (rest = buf_str(value); rest.len > 0 && rc > 0;) {
			struct str name = str_cut(&rest, ' ');

			buf_reset(last);
			buf_put_str(last, name);
			if (add_member(l, name, f) < 0)
				rc = -1;
		}
	return rc;
}

static int
find_members(struct list *l, struct fault *f)
{
	struct buf last, value;
	int rc;

	buf_init(&last, ADDRESS_TEXT_SIZE);
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	do
		rc = find_more(l, &last, &value, f);
	while (rc > 0);
	buf_clear(&last);
	buf_clear(&value);
	if (rc == 0 && l->n == 0)
		return fault_perm(f, "5.2.4",
		    "<%.*s>: this list has no members",
		    STR_ARG(l->facts.address));
	return rc;
}

/* The message. */

static int
read_header(struct list *l, struct fault *f)
{
	buf_init(&l->header, HEADER_MAX);
	if (!message_read_header(l->s->message, &l->header))
		return fault_perm(
		    f, "5.3.4", "the header section is too long for a list");
	if (list_header_is_looping(buf_str(&l->header), &l->facts))
		return fault_perm(f, "5.4.6",
		    "<%.*s>: this list has had the message before",
		    STR_ARG(l->facts.address));
	return 0;
}

/* What follows the header section. */
struct tail {
	struct spool *to;
	uint64_t skip;
};

static int
copy_tail(void *ctx, struct str bytes, struct fault *f)
{
	struct tail *t = ctx;
	size_t n = t->skip < bytes.len ? (size_t)t->skip : bytes.len;

	t->skip -= n;
	return spool_put(t->to, str_from(bytes, n), f);
}

static int
change_message(struct list *l, struct fault *f)
{
	const struct message *m = l->s->message;
	struct tail tail = {.skip = m->scan.size};
	struct buf rest;
	int rc = 0;

	/* More than a few fields are never put in. */
	buf_init(&rest, 4 * HEADER_MAX);
	if (list_header_put_rest(&rest, buf_str(&l->header), &l->facts)) {
		l->copy = tail.to =
		    spool_new(l->s->smtpd->options->spool_dir, BODY_IN_MEMORY);
		rc = spool_put(l->copy, buf_str(&rest), f);
		if (rc == 0)
			rc = spool_each(m->body, copy_tail, &tail, f);
	}
	buf_clear(&rest);
	return rc;
}

/* Trace fields stand on top. Where the message has no header section the trace
 * ends in an empty line, which then follows ours. */
static void
put_head(struct list *l, struct str trace)
{
	bool folded = l->s->message->starts_folded;

	if (folded)
		trace = str_head(trace, trace.len - 2);
	buf_init(&l->head, 4 * PART_HEAD_MAX);
	buf_putf(&l->head, "Delivered-To: %.*s\r\n", STR_ARG(l->facts.address));
	buf_put_str(&l->head, trace);
	list_header_put_own(&l->head, &l->facts);
	if (folded)
		buf_puts(&l->head, "\r\n");
}

/* Handing over. */

static void
make_ident(const struct list *l, unsigned nth, struct ident *ident)
{
	ident_sibling(&l->s->message->ident,
	    (unsigned)(SIBLING_LAST - SIBLINGS * l->nth - nth), ident);
}

/*
 * -1 with the first temporary fault, or where nobody was taken the first one. A
 * member that the queue refuses for good, while it takes others, is no reason
 * to tell the author: whoever reads the log knows.
 */
static int
fold(struct list *l, const struct envelope_rcpt *members,
    struct smtp_outcome *outcomes, size_t n, struct fault *f)
{
	size_t refused = 0;

	for (size_t i = 0; i < n; i++)
		l->doubt = l->doubt || outcomes[i].ok;
	for (size_t i = 0; i < n; i++) {
		struct smtp_outcome *o = &outcomes[i];
		char to[ADDRESS_TEXT_SIZE];

		if (o->ok)
			continue;
		part_hide_trouble(l->s, o);
		if (refused++ == 0 || o->fault.kind == FAULT_TEMP)
			*f = o->fault;
		if (o->fault.kind == FAULT_TEMP)
			return -1;
		address_format(&members[i].forward_path, to);
		log_warn(&l->s->log, "not queued", "to", to, "dsn",
		    o->fault.dsn, "reason", o->fault.text, NULL);
	}
	return refused == n ? -1 : 0;
}

static int
send_some(struct list *l, unsigned nth, const struct envelope_rcpt *members,
    size_t n, struct fault *f)
{
	struct envelope_mail mail = *l->st->mail;
	struct smtp_outcome *outcomes;
	struct ident ident;
	int rc;

	if (n == 0)
		return 0;
	/* It is the list that sends, not its author: without a login it counts
	 * for nobody's limit (user_rate). */
	mail.has_auth = false;
	mail.auth = (struct str){0};
	mail.reverse_path = l->owner;
	mail.verp = l->verp;
	mail.ret = RET_HDRS;
	mail.envid = (struct str){0};
	mail.size = 0;

	struct lmtp_message message = {
	    .mail = &mail,
	    .rcpts = members,
	    .n_rcpts = n,
	    .head = buf_str(&l->head),
	    .body = l->copy != NULL ? l->copy : l->s->message->body,
	};

	make_ident(l, nth, &ident);
	outcomes = mem_zeroed(n, sizeof *outcomes);
	if (part_queue(l->s, l->st, &message, ident.text, outcomes))
		l->doubt = true;
	rc = fold(l, members, outcomes, n, f);
	mem_free(outcomes);
	if (rc < 0)
		return -1;
	l->s->message->was_queued = true;
	log_info(&l->s->log, "queued", "as", ident.text, "from",
	    l->facts.owner.at, "to", l->facts.address.at, "members", LOG_NUM(n),
	    NULL);
	return 0;
}

static int
notify(struct list *l, struct fault *f)
{
	struct ident ident;

	if ((l->rcpt->notify & NOTIFY_SUCCESS) == 0 ||
	    address_is_null(&l->st->mail->reverse_path))
		return 0;
	make_ident(l, 2, &ident);
	return success_notice_send(
	    l->s, l->st, l->rcpt, REPORT_DELIVERED, ident.text, f);
}

static int
send_all(struct list *l, struct str trace, struct fault *f)
{
	if (l->nth >= LISTS_MAX)
		return fault_perm(f, "5.5.3", "too many lists");
	if (find_settings(l, f) < 0 || read_header(l, f) < 0 ||
	    find_members(l, f) < 0 || change_message(l, f) < 0)
		return -1;
	put_head(l, trace);
	if (send_some(l, 0, l->members, l->n_ascii, f) < 0 ||
	    send_some(l, 1, l->members + l->n_ascii, l->n - l->n_ascii, f) < 0)
		return -1;
	return notify(l, f);
}

bool
list_message(struct smtpd_session *s, const struct smtp_state *st,
    struct str head, struct smtp_outcome *mailboxes)
{
	const struct recipients *r = &s->message->recipients;
	bool doubt = false;
	size_t nth = 0;

	for (size_t i = 0; i < r->n && r->n_groups > 0; i++) {
		struct smtp_outcome *o = &mailboxes[i];
		struct list l = {.s = s, .st = st, .rcpt = &r->mailboxes[i]};

		if (r->ways[i] != WAY_GROUP)
			continue;
		l.nth = nth++;
		o->ok = send_all(&l, head, &o->fault) == 0;
		doubt = doubt || l.doubt;
		mem_free(l.members);
		buf_clear(&l.header);
		buf_clear(&l.head);
		spool_free(&l.copy);
		arena_clear(&l.arena);
	}
	return doubt;
}
