/* SPDX-License-Identifier: ISC */
/* Selections of messages: read from parameters, compared with entries. */
#include "config.h"

#include "mta/queue/select.h"

#include "base/clock.h"

static const char *const states[] = {
    [SELECT_ANY] = "",
    [SELECT_HELD] = "held",
    [SELECT_WAITING] = "waiting",
    [SELECT_DEFERRED] = "deferred",
    [SELECT_NEW] = "new",
};

static int
take_text(
    const json_t *params, const char *key, struct str *text, struct fault *f)
{
	const char *value = json_get_text(params, key);

	*text = str(value);
	if (value == NULL && json_get(params, key) != NULL)
		return fault_perm(f, "5.5.4", "parameter is no text: %s", key);
	return 0;
}

static int
take_state(const json_t *params, enum select_state *state, struct fault *f)
{
	struct str text;

	if (take_text(params, "state", &text, f) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (str_is(text, str(states[i]))) {
			*state = (enum select_state)i;
			return 0;
		}
	}
	return fault_perm(f, "5.5.4", "state: held, waiting, deferred or new");
}

/* So many seconds ago, or 0 where nothing was said. */
static int
take_age(const json_t *params, const char *key, int64_t *when, struct fault *f)
{
	const int64_t most = INT64_C(10) * 365 * 86400;
	int64_t seconds = json_get_int(params, key, -1);

	*when = 0;
	if (json_get(params, key) == NULL)
		return 0;
	if (seconds < 0 || seconds > most)
		return fault_perm(f, "5.5.4", "%s: seconds", key);
	*when = clock_unix_us() / 1000 - seconds * 1000;
	return 0;
}

int
selection_read(
    const json_t *params, bool needed, struct selection *s, struct fault *f)
{
	*s = (struct selection){0};
	if (take_text(params, "id", &s->id, f) < 0 ||
	    take_text(params, "sender", &s->sender, f) < 0 ||
	    take_text(params, "recipient", &s->recipient, f) < 0 ||
	    take_text(params, "domain", &s->domain, f) < 0 ||
	    take_text(params, "reason", &s->reason, f) < 0 ||
	    take_age(params, "older", &s->before, f) < 0 ||
	    take_age(params, "younger", &s->since, f) < 0 ||
	    take_state(params, &s->state, f) < 0)
		return -1;
	s->all = json_get_bool(params, "all", false);
	if (s->id.len > 0 && !ident_is_ours(s->id))
		return fault_perm(f, "5.5.4", "id: \"%.40s\" is none",
		    json_get_text(params, "id"));
	if (needed && !s->all && s->id.len == 0 && s->sender.len == 0 &&
	    s->recipient.len == 0 && s->domain.len == 0 && s->reason.len == 0 &&
	    s->before == 0 && s->since == 0 && s->state == SELECT_ANY)
		return fault_perm(f, "5.5.4",
		    "which messages? Name an id, or what they have in common, "
		    "or all");
	return 0;
}

static bool
is_domain(const struct address *a, struct str domain)
{
	char key[ADDRESS_TEXT_SIZE];

	if (str_is_nocase(str(a->domain), domain))
		return true;
	return address_key(a, key) &&
	       str_is_nocase(
		   str_from(str(key), str_find_last(str(key), '@') + 1),
		   domain);
}

static bool
is_address(const struct address *a, struct str wanted)
{
	char text[ADDRESS_TEXT_SIZE];

	if (str_is(wanted, STR_LIT("<>")))
		return address_is_null(a);
	if (wanted.at[0] == '@')
		return is_domain(a, str_from(wanted, 1));
	address_format(a, text);
	return str_is_nocase(str(text), wanted);
}

static bool
holds(struct str text, struct str part)
{
	for (size_t i = 0; i + part.len <= text.len; i++) {
		if (str_starts_nocase(str_from(text, i), part))
			return true;
	}
	return false;
}

bool
selection_has_rcpt(const struct selection *s, const struct entry_rcpt *r)
{
	const struct address *to = &r->to.forward_path;

	if (r->state != ENTRY_WAITING)
		return false;
	if (s->state == SELECT_DEFERRED && r->attempts == 0)
		return false;
	if (s->state == SELECT_NEW && r->attempts > 0)
		return false;
	return (s->domain.len == 0 || is_domain(to, s->domain)) &&
	       (s->recipient.len == 0 || is_address(to, s->recipient)) &&
	       (s->reason.len == 0 || holds(str(r->fault.text), s->reason));
}

bool
selection_has(const struct selection *s, const struct entry *e)
{
	if (s->id.len > 0 && !str_is(s->id, str(e->id.text)))
		return false;
	if (s->before != 0 && e->arrived > s->before)
		return false;
	if (s->since != 0 && e->arrived < s->since)
		return false;
	if (s->state != SELECT_ANY && e->is_held != (s->state == SELECT_HELD))
		return false;
	if (s->sender.len > 0 && !is_address(&e->mail.reverse_path, s->sender))
		return false;
	for (size_t i = 0; i < e->n_rcpts; i++) {
		if (selection_has_rcpt(s, &e->rcpts[i]))
			return true;
	}
	return false;
}
