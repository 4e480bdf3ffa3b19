/* SPDX-License-Identifier: ISC */
/*
 * posthouse trace: where a message is, and why.
 *
 * The journals of all daemons are read several times: for the events that match,
 * which give ids of messages and sessions; for what these bring with them (a
 * session its messages, a message its SMTP session, its id in the queue and the
 * notices about it), until there is no more; and to print, merged by
 * time, all that has one of these ids. Only ids are kept in memory.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/place.h"
#include "admin/trace_filter.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/options.h"

static int trace(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_trace[] = {
	{ "trace", NULL, "[WORD] [--id ID] [--message-id ID] "
	  "[--address ADDRESS] [--client IP] [--since TIME] [--until TIME]",
	  0, 1, CMD_JSON, "what became of messages", trace },
	{ 0 },
};
/* clang-format on */

enum {
	PROGRAMS_MAX = 16,
	PROGRAM_SIZE = 64,
	IDS_START = 1024, /* a power of two */
	ROUNDS_MAX = 8,
};

/* Hashes of ids: 64 bits, of which some millions do not collide. */
struct ids {
	uint64_t *slots; /* 0: empty */
	size_t n, room;
};

struct program {
	char name[PROGRAM_SIZE]; /* "posthouse-smtpd" */
	char dir[PLACE_PATH_SIZE];
	bool is_edge; /* a session is one client's */
};

struct trace {
	struct cmd_line *line;
	struct program programs[PROGRAMS_MAX];
	size_t n_programs;
	struct trace_filter filter;
	bool only_time;        /* nothing but bounds of time was given */
	struct ids messages;   /* all of their events are printed */
	struct ids sessions;   /* these too, and their messages */
	struct ids neighbours; /* sessions: what is about no message */
	struct buf out;
	uint64_t events;
};

/* Sets of ids. */

static uint64_t *
find_slot(const struct ids *ids, uint64_t hash)
{
	size_t at = (size_t)hash & (ids->room - 1);

	while (ids->slots[at] != 0 && ids->slots[at] != hash)
		at = (at + 1) & (ids->room - 1);
	return &ids->slots[at];
}

static uint64_t
hash_of(struct str id)
{
	uint64_t hash = str_hash(id);

	return hash == 0 ? 1 : hash;
}

static bool
ids_has(const struct ids *ids, struct str id)
{
	return ids->n > 0 && id.len > 0 && *find_slot(ids, hash_of(id)) != 0;
}

static void
ids_grow(struct ids *ids)
{
	struct ids old = *ids;

	ids->room = old.room == 0 ? IDS_START : 2 * old.room;
	ids->slots = mem_zeroed(ids->room, sizeof *ids->slots);
	for (size_t i = 0; i < old.room; i++) {
		if (old.slots[i] != 0)
			*find_slot(ids, old.slots[i]) = old.slots[i];
	}
	mem_free(old.slots);
}

static void
ids_add(struct ids *ids, struct str id)
{
	uint64_t *slot;

	if (id.len == 0)
		return;
	if (2 * (ids->n + 1) > ids->room)
		ids_grow(ids);
	slot = find_slot(ids, hash_of(id));
	if (*slot == 0) {
		*slot = hash_of(id);
		ids->n++;
	}
}

/* Where to look. */

static int
find_programs(struct trace *t, const char *root, struct fault *f)
{
	DIR *dir = opendir(root);
	const struct dirent *entry;

	if (dir == NULL && errno == ENOENT)
		return fault_perm(f, "5.3.5",
		    "there is no journal in %s: no daemon has run with the "
		    "option journal on",
		    root);
	if (dir == NULL)
		return fault_errno(f, "cannot open %s", root);
	while ((entry = readdir(dir)) != NULL) {
		struct program *p = &t->programs[t->n_programs];

		if (!str_starts(str(entry->d_name), STR_LIT("posthouse-")) ||
		    t->n_programs == PROGRAMS_MAX ||
		    !str_copy(str(entry->d_name), p->name, sizeof p->name))
			continue;
		if ((size_t)snprintf(p->dir, sizeof p->dir, "%s/%s", root,
			entry->d_name) >= sizeof p->dir)
			continue;
		p->is_edge = strcmp(p->name, "posthouse-smtpd") == 0;
		t->n_programs++;
	}
	closedir(dir);
	return 0;
}

/* Calls each event of one program. */
static int
each_event(const struct program *p, const struct journal_bounds *bounds,
    void (*each)(struct trace *t, const struct program *p,
	const struct journal_event *e),
    struct trace *t, struct fault *f)
{
	struct journal_reader *r = journal_reader_open(p->dir, bounds, f);
	struct journal_event e;
	int rc;

	if (r == NULL)
		return -1;
	while ((rc = journal_reader_next(r, &e, f)) > 0)
		each(t, p, &e);
	journal_reader_close(&r);
	return rc;
}

static int
each_program(struct trace *t, const struct journal_bounds *bounds,
    void (*each)(struct trace *t, const struct program *p,
	const struct journal_event *e),
    struct fault *f)
{
	for (size_t i = 0; i < t->n_programs; i++) {
		if (each_event(&t->programs[i], bounds, each, t, f) < 0)
			return -1;
	}
	return 0;
}

/* First: what matches. A match about a message is about it alone, not about
 * all that came by the same connection. */
static void
note_match(
    struct trace *t, const struct program *p, const struct journal_event *e)
{
	(void)p;
	if (!trace_filter_matches(&t->filter, e))
		return;
	if (e->message.len > 0)
		ids_add(&t->messages, e->message);
	else
		ids_add(&t->sessions, e->session);
}

/* The events that name another message. */
static bool
is_link(struct str event)
{
	return str_is(event, STR_LIT("queued")) ||
	       str_is(event, STR_LIT("message comes again")) ||
	       str_is(event, STR_LIT("notice"));
}

/* A message that goes on under another id, or has brought forth another. */
static void
note_link(struct trace *t, const struct journal_event *e)
{
	struct str fields = e->fields, key, value;

	while (
	    e->message.len > 0 && journal_next_field(&fields, &key, &value)) {
		if (!str_is(key, STR_LIT("as")) &&
		    !str_is(key, STR_LIT("first")) &&
		    !str_is(key, STR_LIT("notice")))
			continue;
		if (ids_has(&t->messages, e->message))
			ids_add(&t->messages, value);
		else if (ids_has(&t->messages, value))
			ids_add(&t->messages, e->message);
	}
}

/* Second: what is about a message of the sessions, and the client's session of
 * the messages. */
static void
note_neighbour(
    struct trace *t, const struct program *p, const struct journal_event *e)
{
	if (ids_has(&t->sessions, e->session))
		ids_add(&t->messages, e->message);
	else if (p->is_edge && ids_has(&t->messages, e->message))
		ids_add(&t->neighbours, e->session);
	if (is_link(e->event))
		note_link(t, e);
}

static bool
is_told(const struct trace *t, const struct journal_event *e)
{
	if (t->only_time || ids_has(&t->messages, e->message))
		return true;
	if (e->message.len == 0 && (ids_has(&t->sessions, e->session) ||
				       ids_has(&t->neighbours, e->session)))
		return true;
	/* What has no ids. */
	return e->message.len == 0 && e->session.len == 0 &&
	       trace_filter_matches(&t->filter, e);
}

/* Third: merged by time. */

struct source {
	const struct program *program;
	struct journal_reader *reader;
	struct journal_event event; /* the next */
	bool at_end;
};

static int
advance(struct trace *t, struct source *s, struct fault *f)
{
	int rc;

	do
		rc = journal_reader_next(s->reader, &s->event, f);
	while (rc > 0 && !is_told(t, &s->event));
	s->at_end = rc == 0;
	return rc;
}

static json_t *
fields_to_json(struct str fields)
{
	json_t *object = json_new_object();
	struct str key, value;

	while (journal_next_field(&fields, &key, &value)) {
		char name[64];
		struct buf text;

		if (!str_copy(key, name, sizeof name))
			continue;
		buf_init(&text, value.len + 1);
		trace_unescape(&text, value);
		json_put_str(object, name, buf_str(&text));
		buf_clear(&text);
	}
	return object;
}

static void
put_id(json_t *object, const char *key, struct str id)
{
	if (id.len > 0)
		json_put_str(object, key, id);
}

static void
print_json(struct trace *t, const struct source *s)
{
	const struct journal_event *e = &s->event;
	json_t *object = json_new_object();

	json_put_str(object, "time", e->time);
	json_put_text(object, "program", s->program->name);
	json_put_str(object, "level", e->level);
	put_id(object, "session", e->session);
	put_id(object, "message", e->message);
	json_put_str(object, "event", e->event);
	json_put(object, "fields", fields_to_json(e->fields));
	json_format(&t->out, object);
	json_free(&object);
	fprintf(t->line->out, "%s\n%s", t->events == 0 ? "" : ",",
	    buf_text(&t->out));
}

/* 2026-11-23 17:05:38.123 smtpd  s=4f2a q=06b0… delivered to=… */
static void
print_text(struct trace *t, const struct source *s)
{
	const struct journal_event *e = &s->event;
	struct str name = str(s->program->name), rest;
	bool is_info = str_is(e->level, STR_LIT("info"));

	if (str_starts(name, STR_LIT("posthouse-")))
		name = str_from(name, strlen("posthouse-"));
	rest = str_from(e->line, e->time.len + e->level.len + 2);
	fprintf(t->line->out, "%.10s %.12s %-6.*s %s%.*s%s%.*s\n", e->time.at,
	    e->time.at + 11, STR_ARG(name), is_info ? "" : "[",
	    STR_ARG(is_info ? STR_LIT("") : e->level), is_info ? "" : "] ",
	    STR_ARG(rest));
}

static void
print_event(struct trace *t, const struct source *s)
{
	buf_reset(&t->out);
	if (t->line->json)
		print_json(t, s);
	else
		print_text(t, s);
	t->events++;
	if (ferror(t->line->out))
		t->line->out_errno = errno;
}

static struct source *
earliest(struct source *sources, size_t n)
{
	struct source *first = NULL;

	for (size_t i = 0; i < n; i++) {
		struct source *s = &sources[i];

		if (!s->at_end && (first == NULL || memcmp(s->event.time.at,
							first->event.time.at,
							s->event.time.len) < 0))
			first = s;
	}
	return first;
}

static int
print_all(struct trace *t, const struct journal_bounds *bounds, struct fault *f)
{
	struct source sources[PROGRAMS_MAX] = {0}, *s;
	int rc = -1;

	for (size_t i = 0; i < t->n_programs; i++) {
		sources[i].program = &t->programs[i];
		sources[i].reader =
		    journal_reader_open(t->programs[i].dir, bounds, f);
		if (sources[i].reader == NULL || advance(t, &sources[i], f) < 0)
			goto out;
	}
	while ((s = earliest(sources, t->n_programs)) != NULL &&
	       t->line->out_errno == 0) {
		print_event(t, s);
		if (advance(t, s, f) < 0)
			goto out;
	}
	rc = 0;
out:
	for (size_t i = 0; i < t->n_programs; i++)
		journal_reader_close(&sources[i].reader);
	return rc;
}

static int
tell(struct trace *t, struct fault *f)
{
	const struct journal_bounds within = {.since = t->filter.since,
	    .until = t->filter.until,
	    .needle = buf_str(&t->filter.needle)};
	const struct journal_bounds all = {0};

	if (t->only_time)
		return print_all(t, &within, f);
	if (each_program(t, &within, note_match, f) < 0)
		return -1;
	/* Each message that is found may lead to another. */
	for (int round = 0; round < ROUNDS_MAX; round++) {
		size_t before = t->messages.n;

		if (each_program(t, &all, note_neighbour, f) < 0)
			return -1;
		if (t->messages.n == before)
			break;
	}
	return print_all(t, &all, f);
}

static int
set_up(struct trace *t, struct fault *f)
{
	const struct cmd_line *line = t->line;
	const struct trace_wanted wanted = {
	    .word = line->n_args > 0 ? line->args[0] : NULL,
	    .id = cmd_option(line, "id"),
	    .message_id = cmd_option(line, "message-id"),
	    .address = cmd_option(line, "address"),
	    .client = cmd_option(line, "client"),
	    .since = cmd_option(line, "since"),
	    .until = cmd_option(line, "until"),
	};
	char root[PLACE_PATH_SIZE];
	struct conf *conf;
	const struct common_options *common;
	int n;

	t->only_time = wanted.word == NULL && wanted.id == NULL &&
		       wanted.message_id == NULL && wanted.address == NULL &&
		       wanted.client == NULL;
	if (trace_filter_init(&t->filter, &wanted, clock_unix_us(), f) < 0)
		return -1;
	conf = place_read_conf(line->file, false, f);
	if (conf == NULL)
		return -1;
	common = conf_get(conf, &common_table);
	n = snprintf(root, sizeof root, "%s/journal", common->state_dir);
	conf_free(&conf);
	if ((size_t)n >= sizeof root)
		return fault_perm(f, "5.3.5", "state_dir is too long a path");
	return find_programs(t, root, f);
}

static int
trace(struct cmd_line *line, struct fault *f)
{
	struct trace *t = mem_new(struct trace);
	int rc = -1;

	t->line = line;
	buf_init(&t->out, 64 << 10);
	if (set_up(t, f) < 0)
		goto out;
	if (line->json)
		fputs("{\"events\": [", line->out);
	rc = tell(t, f);
	if (line->json)
		fputs(t->events > 0 ? "\n]}\n" : "]}\n", line->out);
	if (rc == 0 && t->events == 0)
		rc = fault_perm(f, "5.1.1", "the journal has nothing of it");
out:
	trace_filter_clear(&t->filter);
	buf_clear(&t->out);
	mem_free(t->messages.slots);
	mem_free(t->sessions.slots);
	mem_free(t->neighbours.slots);
	mem_free(t);
	return rc;
}
