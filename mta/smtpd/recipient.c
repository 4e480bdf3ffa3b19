/* SPDX-License-Identifier: ISC */
/* From RCPT to mailboxes. */
#include "config.h"

#include "mta/smtpd/recipient.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mta/smtpd/list.h"
#include "mta/smtpd/domains.h"
#include "mta/smtpd/nodes.h"
#include "mta/smtpd/note.h"
#include "mta/smtpd/quota.h"
#include "proto/socketmap.h"

/* What the directory puts before a group's name. */
#define GROUP_MARK "group:"

void
recipients_clear(struct recipients *r)
{
	mem_free(r->mailboxes);
	mem_free(r->ways);
	mem_free(r->pools);
	mem_free(r->rcpts);
	mem_free(r->hashes);
	mem_free(r->members);
	mem_free(r->ends);
	memset(r, 0, sizeof *r);
}

static size_t
more_room(size_t room)
{
	return room == 0 ? 2 : 2 * room;
}

/* How a mailbox is reached. */
struct way {
	enum recipient_way way;
	struct lmtp_pool *pool; /* with WAY_LOCAL: another node's */
};

/* The index of the mailbox, which is put into the list where it is new. */
static uint32_t
intern_mailbox(struct recipients *r, const struct address *mailbox,
    struct way way, const struct envelope_rcpt *rcpt)
{
	char text[ADDRESS_TEXT_SIZE];
	uint64_t hash;

	address_format(mailbox, text);
	hash = str_hash(str(text));
	for (size_t i = 0; i < r->n; i++)
		if (r->hashes[i] == hash &&
		    address_is_same(&r->mailboxes[i].forward_path, mailbox))
			return (uint32_t)i;
	if (r->n == r->room) {
		r->room = more_room(r->room);
		r->mailboxes =
		    mem_resize(r->mailboxes, r->room, sizeof *r->mailboxes);
		r->ways = mem_resize(r->ways, r->room, sizeof *r->ways);
		r->pools = mem_resize(r->pools, r->room, sizeof(*r->pools));
		r->rcpts = mem_resize(r->rcpts, r->room, sizeof *r->rcpts);
		r->hashes = mem_resize(r->hashes, r->room, sizeof *r->hashes);
	}
	r->mailboxes[r->n] = *rcpt;
	r->mailboxes[r->n].forward_path = *mailbox;
	r->ways[r->n] = way.way;
	r->pools[r->n] = way.pool;
	r->rcpts[r->n] = (uint32_t)r->n_rcpts;
	r->hashes[r->n] = hash;
	return (uint32_t)r->n++;
}

static void
add_member(struct recipients *r, uint32_t mailbox)
{
	if (r->n_members == r->members_room) {
		r->members_room = more_room(r->members_room);
		r->members =
		    mem_resize(r->members, r->members_room, sizeof *r->members);
	}
	r->members[r->n_members++] = mailbox;
}

static void
end_rcpt(struct recipients *r)
{
	if (r->n_rcpts == r->rcpts_room) {
		r->rcpts_room = more_room(r->rcpts_room);
		r->ends = mem_resize(r->ends, r->rcpts_room, sizeof *r->ends);
	}
	r->ends[r->n_rcpts++] = (uint32_t)r->n_members;
}

static int
bad_answer(struct str text, struct fault *why, struct fault *f)
{
	fault_temp(why, "4.3.0", "the directory's answer is no address: %.*s",
	    (int)(text.len > 100 ? 100 : text.len), text.at);
	return fault_temp(f, "4.3.0", "the directory is not available");
}

/* What the client may know; the log gets *why. */
static int
directory_fault(const struct fault *why, struct fault *f)
{
	if (why->kind == FAULT_TEMP)
		return fault_temp(
		    f, "4.3.0", "the directory is not available, try later");
	*f = *why;
	fault_take_code(f);
	return -1;
}

static int
look_up(const struct recipient_rules *rules, const char *map, struct str key,
    struct buf *value, struct fault *why)
{
	int found = socketmap_look_up(rules->directory, map, key, value, why);

	note_look_up(rules->notes, map, key, found, buf_str(value), why);
	return found;
}

/* 1 where the domain is ours, 0, -1. */
static int
is_ours(
    const struct recipient_rules *rules, struct str domain, struct fault *why)
{
	struct buf value;
	int found;

	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = look_up(rules, "domain", domain, &value, why);
	buf_clear(&value);
	return found;
}

static int
no_queue(const char *text, struct fault *f)
{
	return fault_temp(f, "4.3.0",
	    "<%s>: mail for other hosts cannot be taken: there is no queue",
	    text);
}

/* Whoever wants to hear of the delivery is told by the queue. */
static enum recipient_way
local_way(const struct recipient_rules *rules, const struct envelope_rcpt *rcpt)
{
	return rules->has_queue && (rcpt->notify & NOTIFY_SUCCESS) != 0
		   ? WAY_QUEUE
		   : WAY_LOCAL;
}

/* Who knows not where a mailbox is leaves that to the queue. */
static int
find_node(const struct recipient_rules *rules, const char *mailbox,
    struct way *way, struct fault *why, struct fault *f)
{
	if (rules->nodes == NULL || way->way != WAY_LOCAL ||
	    nodes_find(rules->nodes, mailbox, rules->notes, &way->pool, why) !=
		NODE_LATER)
		return 0;
	if (!rules->has_queue)
		return fault_temp(
		    f, "4.3.0", "<%.200s>: the mailbox is away", mailbox);
	way->way = WAY_QUEUE;
	return 0;
}

/* The way to one of the addresses that a recipient in `domain` leads to. */
static int
find_way(const struct recipient_rules *rules, const struct envelope_rcpt *rcpt,
    struct str domain, const struct address *to, struct way *way,
    struct fault *why, struct fault *f)
{
	char key[ADDRESS_TEXT_SIZE];
	struct str its;
	int found;

	if (!address_key(to, key))
		return bad_answer(str(to->local), why, f);
	its = str_from(str(key), str_find_last(str(key), '@') + 1);
	found = str_is(its, domain) ? 1 : is_ours(rules, its, why);
	if (found < 0)
		return directory_fault(why, f);
	*way = (struct way){
	    .way = found > 0 ? local_way(rules, rcpt) : WAY_FORWARD};
	if (found > 0)
		return find_node(rules, key, way, why, f);
	if (rules->has_queue)
		return 0;
	address_format(to, key);
	return no_queue(key, f);
}

/* Whether the sender may send to the group. */
static int
ask_group(const struct recipient_rules *rules, struct str group,
    struct fault *why, struct fault *f)
{
	char sender[ADDRESS_TEXT_SIZE];
	struct buf key, value;
	int found;

	address_format(rules->sender, sender);
	buf_init(&key, SOCKETMAP_QUERY_MAX);
	buf_init(&value, ADDRESS_TEXT_SIZE);
	buf_put_str(&key, group);
	if (rules->login.len > 0 && !str_has(rules->login, ' '))
		buf_putf(&key, " %.*s ", STR_ARG(rules->login));
	else
		buf_puts(&key, rules->known_client ? " trusted " : " - ");
	buf_puts(&key, sender);
	found = look_up(rules, "post", buf_str(&key), &value, why);
	buf_clear(&key);
	buf_clear(&value);
	if (found < 0)
		return directory_fault(why, f);
	if (found == 0)
		return fault_perm(f, "5.1.1", "<%.*s>: no such list here",
		    STR_ARG(str_head(group, 100)));
	return 0;
}

static int
add_group(struct recipients *r, const struct recipient_rules *rules,
    struct str group, const struct envelope_rcpt *rcpt, struct fault *why,
    struct fault *f)
{
	struct address address;
	size_t n = r->n;

	if (address_parse(group, &address, why) < 0)
		return bad_answer(group, why, f);
	if (ask_group(rules, group, why, f) < 0)
		return -1;
	if (!rules->has_queue)
		return fault_temp(f, "4.3.0",
		    "<%.*s>: mail for lists cannot be taken: there is no queue",
		    STR_ARG(str_head(group, 100)));
	if (r->n_groups == LIST_GROUPS_MAX ||
	    r->n_members == RECIPIENT_MAILBOXES_MAX)
		return fault_temp(f, "4.5.3", "too many lists");
	add_member(r,
	    intern_mailbox(r, &address, (struct way){.way = WAY_GROUP}, rcpt));
	r->n_groups += r->n - n;
	return 0;
}

static int
add_mailbox(struct recipients *r, const struct recipient_rules *rules,
    struct str text, struct str domain, const struct envelope_rcpt *rcpt,
    struct fault *why, struct fault *f)
{
	struct way way;
	struct address mailbox;

	if (address_parse(text, &mailbox, why) < 0)
		return bad_answer(text, why, f);
	if (find_way(rules, rcpt, domain, &mailbox, &way, why, f) < 0)
		return -1;
	if (r->n_members == RECIPIENT_MAILBOXES_MAX)
		return fault_temp(f, "4.5.3", "too many mailboxes");
	add_member(r, intern_mailbox(r, &mailbox, way, rcpt));
	return 0;
}

/* Whether mailbox i is known to be full. Those of other nodes are not asked. */
static bool
is_full(const struct recipients *r, const struct recipient_rules *rules,
    uint32_t i, struct fault *f)
{
	const struct address *mailbox = &r->mailboxes[i].forward_path;
	char key[ADDRESS_TEXT_SIZE], sender[ADDRESS_TEXT_SIZE];
	bool yes;

	if (r->ways[i] != WAY_LOCAL || r->pools[i] != NULL ||
	    !address_key(mailbox, key))
		return false;
	address_format(rules->sender, sender);
	yes =
	    quota_ask(rules->quota, str(key), str(sender), rules->size, f) < 0;
	note_rule(rules->notes, "quota", "%s: %s", key,
	    yes ? f->text : "has room, or nobody knows");
	return yes;
}

/* Refuses the recipient that means the members from `first` on where none of
 * them has room: with the first temporary fault, else the first. */
static int
check_quota(const struct recipients *r, const struct recipient_rules *rules,
    size_t first, struct fault *f)
{
	struct fault each;

	if (rules->quota == NULL || first == r->n_members)
		return 0;
	for (size_t i = first; i < r->n_members; i++) {
		if (!is_full(r, rules, r->members[i], &each))
			return 0;
		if (i == first ||
		    (each.kind == FAULT_TEMP && f->kind == FAULT_PERM))
			*f = each;
	}
	return -1;
}

/* RFC 3461 5.2.7.3: who asked to be told of the delivery to an alias of several
 * is told that it was expanded, and of none of them. */
static struct envelope_rcpt
without_success(const struct envelope_rcpt *rcpt)
{
	struct envelope_rcpt each = *rcpt;

	each.notify &= ~(unsigned)NOTIFY_SUCCESS;
	if (each.notify == NOTIFY_UNSET)
		each.notify = NOTIFY_NEVER;
	return each;
}

/* Takes the addresses that the directory has named, split by blanks. What was
 * taken before a fault stays without an RCPT of its own, and is cut off. */
static int
add_mailboxes(struct recipients *r, const struct recipient_rules *rules,
    struct str list, struct str domain, const struct envelope_rcpt *rcpt,
    struct fault *why, struct fault *f)
{
	size_t n = r->n, n_members = r->n_members, n_groups = r->n_groups;
	struct envelope_rcpt each;
	int rc = 0;

	if (str_has(list, ' ') && (rcpt->notify & NOTIFY_SUCCESS) != 0) {
		each = without_success(rcpt);
		rcpt = &each;
	}
	while (list.len > 0 && rc == 0) {
		struct str text = str_cut(&list, ' ');

		if (str_starts(text, STR_LIT(GROUP_MARK)))
			rc = add_group(r, rules,
			    str_from(text, sizeof GROUP_MARK - 1), rcpt, why,
			    f);
		else if (text.len > 0)
			rc = add_mailbox(r, rules, text, domain, rcpt, why, f);
	}
	if (rc == 0 && r->n_members == n_members)
		rc = bad_answer(STR_LIT("(nothing)"), why, f);
	if (rc == 0)
		rc = check_quota(r, rules, n_members, f);
	if (rc == 0) {
		end_rcpt(r);
		return 0;
	}
	r->n = n;
	r->n_members = n_members;
	r->n_groups = n_groups;
	return -1;
}

static int
add_elsewhere(struct recipients *r, const struct recipient_rules *rules,
    const struct address *to, const struct envelope_rcpt *rcpt, struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE];

	if (!rules->has_queue) {
		address_format(to, text);
		return no_queue(text, f);
	}
	if (r->n_members == RECIPIENT_MAILBOXES_MAX)
		return fault_temp(f, "4.5.3", "too many mailboxes");
	add_member(
	    r, intern_mailbox(r, to, (struct way){.way = WAY_QUEUE}, rcpt));
	end_rcpt(r);
	return 0;
}

/* text is the address as it is written. */
static bool
is_never_ours(const struct address *a, const char *text)
{
	return text[0] == '"' || strpbrk(a->local, "@%!") != NULL;
}

/* Whether the host that we keep mail for knows the recipient: 1, 0, -1. */
static int
is_relayed(
    const struct recipient_rules *rules, const char *key, struct fault *why)
{
	struct buf value;
	int found;

	if (rules->relay_recipients == NULL)
		return 1;
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = socketmap_look_up(
	    rules->relay_recipients, "recipient", str(key), &value, why);
	note_look_up(rules->notes, "recipient of relay_recipients", str(key),
	    found, buf_str(&value), why);
	buf_clear(&value);
	return found;
}

/* We are a backup MX of the domain. */
static int
add_relayed(struct recipients *r, const struct recipient_rules *rules,
    const struct envelope_rcpt *rcpt, struct fault *why, struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE], key[ADDRESS_TEXT_SIZE];
	int found;

	address_format(&rcpt->forward_path, text);
	note_option(rules->notes, "relay_domains", "mail is kept for this one");
	/* What it would make of a route, who knows. */
	if (!rules->known_client && is_never_ours(&rcpt->forward_path, text))
		return fault_perm(
		    f, "5.7.1", "<%s>: relay access denied", text);
	if (!address_key(&rcpt->forward_path, key))
		return bad_answer(str(text), why, f);
	found = is_relayed(rules, key, why);
	if (found < 0)
		return directory_fault(why, f);
	if (found == 0)
		return fault_perm(f, "5.1.1", "<%s>: no such user there", text);
	return add_elsewhere(r, rules, &rcpt->forward_path, rcpt, f);
}

/* In a domain that is not ours: known clients send elsewhere too. */
static int
add_foreign(struct recipients *r, const struct recipient_rules *rules,
    struct str domain, const struct envelope_rcpt *rcpt, struct fault *why,
    struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE];

	if (domain.len > 0 && domains_has(rules->relay_domains, domain))
		return add_relayed(r, rules, rcpt, why, f);
	note_rule(rules->notes, "relay", "%s",
	    rules->known_client ? "a known client may send elsewhere"
				: "only known clients may send elsewhere");
	address_format(&rcpt->forward_path, text);
	if (!rules->known_client)
		return fault_perm(
		    f, "5.7.1", "<%s>: relay access denied", text);
	return add_elsewhere(r, rules, &rcpt->forward_path, rcpt, f);
}

/* What is no recipient of ours. */
static int
add_other(struct recipients *r, const struct recipient_rules *rules,
    struct str domain, const struct envelope_rcpt *rcpt, struct fault *why,
    struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE];
	int found = 0;

	address_format(&rcpt->forward_path, text);
	if (domain.len > 0)
		found = is_ours(rules, domain, why);
	if (found < 0)
		return directory_fault(why, f);
	if (found > 0) {
		note_rule(
		    rules->notes, "local domain", "it has no such recipient");
		return fault_perm(f, "5.1.1", "<%s>: no such user here", text);
	}
	return add_foreign(r, rules, domain, rcpt, why, f);
}

/* "SRS0=" and its like: see the map "reverse" of posthouse-authd(8). */
static bool
is_rewritten(const struct address *a)
{
	struct str local = str(a->local);

	return local.len > 5 &&
	       str_is_nocase(str_head(local, 3), STR_LIT("SRS")) &&
	       (local.at[3] == '0' || local.at[3] == '1') &&
	       strchr("=+-", local.at[4]) != NULL;
}

/* What comes back to the sender of a message that was forwarded goes on to
 * that one. 1 where it was, 0 where it is no such address, -1. */
static int
add_returned(struct recipients *r, const struct recipient_rules *rules,
    const struct envelope_rcpt *rcpt, struct fault *why, struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address sender;
	struct buf value;
	int found, rc;

	if (!is_rewritten(&rcpt->forward_path))
		return 0;
	address_format(&rcpt->forward_path, text);
	buf_init(&value, ADDRESS_TEXT_SIZE);
	found = look_up(rules, "reverse", str(text), &value, why);
	if (found < 0)
		rc = directory_fault(why, f);
	else if (found == 0)
		rc = 0;
	else if (address_parse(buf_str(&value), &sender, why) < 0)
		rc = bad_answer(buf_str(&value), why, f);
	else
		rc = add_elsewhere(r, rules, &sender, rcpt, f) < 0 ? -1 : 1;
	buf_clear(&value);
	return rc;
}

int
recipient_add(struct recipients *r, const struct recipient_rules *rules,
    const struct envelope_rcpt *rcpt, struct fault *why, struct fault *f)
{
	const struct address *a = &rcpt->forward_path;
	char key[ADDRESS_TEXT_SIZE], text[ADDRESS_TEXT_SIZE];
	struct str domain;
	struct buf value;
	int found;
	int rc;

	why->text[0] = '\0';
	if (a->host == ADDRESS_NO_HOST)
		a = rules->postmaster;
	address_format(&rcpt->forward_path, text);
	if (!address_key(a, key))
		return add_other(r, rules, (struct str){0}, rcpt, why, f);
	domain = str_from(str(key), str_find_last(str(key), '@') + 1);
	rc = add_returned(r, rules, rcpt, why, f);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	/* Where each message of many goes to the same place elsewhere, the
	 * directory need not say each time that nobody there is ours. */
	if (rules->known_client && rules->notes == NULL &&
	    socketmap_is_missing(rules->directory, domain))
		return add_foreign(r, rules, domain, rcpt, why, f);
	if (is_never_ours(a, text))
		note_rule(rules->notes, "local part",
		    "with @, %% or ! in it, or quoted, it is never looked up");
	if (is_never_ours(a, text))
		return add_other(r, rules, domain, rcpt, why, f);
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = look_up(rules, "recipient", str(key), &value, why);
	if (found < 0)
		rc = directory_fault(why, f);
	else if (found == 0)
		rc = add_other(r, rules, domain, rcpt, why, f);
	else
		rc = add_mailboxes(
		    r, rules, buf_str(&value), domain, rcpt, why, f);
	buf_clear(&value);
	return rc;
}

static bool
is_worse(const struct smtp_outcome *a, const struct smtp_outcome *b)
{
	return !a->ok && (b->ok || (a->fault.kind == FAULT_TEMP &&
				       b->fault.kind != FAULT_TEMP));
}

void
recipients_fold(const struct recipients *r,
    const struct smtp_outcome *mailboxes, struct smtp_outcome *rcpts)
{
	size_t m = 0;

	for (size_t i = 0; i < r->n_rcpts; i++) {
		rcpts[i] = (struct smtp_outcome){.ok = true};
		for (; m < r->ends[i]; m++) {
			const struct smtp_outcome *o =
			    &mailboxes[r->members[m]];

			if (is_worse(o, &rcpts[i]))
				rcpts[i] = *o;
		}
	}
}
