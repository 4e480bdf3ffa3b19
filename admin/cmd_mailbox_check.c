/* SPDX-License-Identifier: ISC */
/*
 * Whether the index agrees with the Maildirs, and the files with what they were.
 * Mailbox by mailbox: so it shows how far it has come, can be interrupted, and
 * keeps nobody waiting for longer than one mailbox takes.
 */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <string.h>
#include <sysexits.h>

#include "admin/call.h"
#include "admin/deep.h"
#include "admin/list.h"
#include "admin/progress.h"
#include "base/arena.h"
#include "base/mem.h"
#include "store/mailbox.h"

/* clang-format off */
static const struct table_column check_fields[] = {
	{ "mailboxes", "mailboxes", TABLE_NUMBER },
	{ "folders", "folders", TABLE_NUMBER },
	{ "messages", "messages", TABLE_NUMBER },
	{ "not in the index", "missing", TABLE_NUMBER },
	{ "only in the index", "stale", TABLE_NUMBER },
	{ "changed", "changed", TABLE_NUMBER },
	{ "damaged files", "damaged", TABLE_NUMBER },
	{ "files read", "read", TABLE_NUMBER },
	{ "size", "bytes", TABLE_SIZE },
	{ "digests compared", "compared", TABLE_NUMBER },
	{ "digests taken", "learnt", TABLE_NUMBER },
	{ "found", "found", TABLE_NUMBER },
	{ 0 },
};

static const struct table_column finding_columns[] = {
	{ "WHAT", "what", TABLE_TEXT },
	{ "MAILBOX", "mailbox", TABLE_TEXT },
	{ "FOLDER", "folder", TABLE_TEXT },
	{ "FILE", "file", TABLE_TEXT },
	{ "WHY", "why", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

/* What is added up over mailboxes. */
enum { FOLDERS, MESSAGES, MISSING, STALE, CHANGED, DAMAGED, SUMS };
static const char *const sums[SUMS] = {
    [FOLDERS] = "folders",
    [MESSAGES] = "messages",
    [MISSING] = "missing",
    [STALE] = "stale",
    [CHANGED] = "changed",
    [DAMAGED] = "damaged",
};

struct check {
	struct cmd_line *line;
	const char *method;
	bool is_verify;
	struct call *call;
	struct deep *deep; /* NULL: only the index */
	struct progress progress;
	struct arena arena;
	char **names;
	size_t n, room;
	/* Results. */
	int64_t mailboxes, sum[SUMS];
	bool has[SUMS];
	bool is_ok;
	bool is_stopped;
	/* The mailbox in hand, as the store spells it. */
	char mailbox[MAILBOX_NAME_SIZE];
};

static void
add_name(struct check *c, const char *name)
{
	if (c->n == c->room) {
		c->room = c->room * 2 + 64;
		c->names = mem_resize(c->names, c->room, sizeof *c->names);
	}
	c->names[c->n++] = arena_text(&c->arena, str(name));
}

static int
ask_names(struct check *c, const char *resume, struct fault *f)
{
	json_t *params = json_new_object(), *result = NULL;
	struct mailbox_name first = {.path = ""}, name;
	const char *next = NULL;

	if (resume != NULL && mailbox_name_parse(str(resume), &first, f) < 0) {
		json_free(&params);
		return -1;
	}
	do {
		if (result != NULL)
			json_free(&result);
		result = call_method(c->call, "mailbox.names", params, f);
		for (size_t i = 0; i < json_len(json_get(result, "names"));
		     i++) {
			const char *text =
			    json_text(json_at(json_get(result, "names"), i));

			if (mailbox_name_parse(str(text), &name, f) == 0 &&
			    strcmp(name.path, first.path) >= 0)
				add_name(c, text);
		}
		next = json_get_text(result, "next");
		if (next != NULL)
			json_put_text(params, "after", next);
	} while (next != NULL);
	json_free(&params);
	if (result == NULL)
		return -1;
	json_free(&result);
	return 0;
}

static void
add_result(struct check *c, const json_t *result)
{
	for (size_t i = 0; i < SUMS; i++) {
		if (json_get(result, sums[i]) == NULL)
			continue;
		c->has[i] = true;
		c->sum[i] += json_get_int(result, sums[i], 0);
	}
	c->is_ok = c->is_ok && json_get_bool(result, "ok", true);
	c->mailboxes++;
}

/* 0 too where a mailbox of many is there no more. */
static int
ask_one(struct check *c, const char *name, struct fault *f)
{
	json_t *params = json_new_object(), *result;
	const char *own;

	json_put_text(params, "mailbox", name);
	if (cmd_option(c->line, "repair") != NULL)
		json_put_bool(params, "repair", true);
	result = call_method(c->call, c->method, params, f);
	json_free(&params);
	if (result == NULL)
		return c->line->n_args == 0 &&
			       str_is(str(f->dsn), STR_LIT("5.1.1"))
			   ? 0
			   : -1;
	add_result(c, result);
	own = json_get_text(result, "mailbox");
	snprintf(c->mailbox, sizeof c->mailbox, "%s", own != NULL ? own : name);
	json_free(&result);
	return 1;
}

static int
check_one(struct check *c, const char *name, struct fault *f)
{
	int rc = ask_one(c, name, f);

	if (rc <= 0 || c->deep == NULL)
		return rc;
	rc = deep_mailbox(c->deep, c->mailbox, f);
	if (rc < 0 && c->line->n_args == 0 &&
	    str_is(str(f->dsn), STR_LIT("5.1.1")))
		return 0;
	c->is_stopped = rc == 0;
	return rc;
}

/* -1 where it was interrupted, too: what was found until then counts. */
static int
check_all(struct check *c, struct fault *f)
{
	char how[MAILBOX_NAME_SIZE + 64];

	for (size_t i = 0; i < c->n; i++) {
		progress_enter(&c->progress, c->names[i]);
		if (!progress_is_interrupted() &&
		    check_one(c, c->names[i], f) < 0)
			return -1;
		if (c->deep == NULL)
			progress_step(&c->progress, 1);
		if (c->is_stopped || progress_is_interrupted()) {
			c->is_stopped = true;
			snprintf(how, sizeof how,
			    "--resume %s goes on where it was", c->names[i]);
			return progress_stop(&c->progress, how, f);
		}
	}
	return 0;
}

static void
print_findings(struct cmd_line *line, json_t *findings)
{
	struct table table;

	table_init(&table, line->out, finding_columns);
	for (size_t i = 0; i < json_len(findings); i++) {
		json_t *item = json_at(findings, i);

		if (json_get_text(item, "folder")[0] == '\0')
			json_put_text(item, "folder", "INBOX");
		table_add(&table, item);
	}
	table_flush(&table);
	table_clear(&table);
	if (json_len(findings) > 0)
		putc('\n', line->out);
}

static void
print(struct check *c)
{
	struct cmd_line *line = c->line;
	json_t *result = json_new_object();

	if (line->n_args == 0)
		json_put_int(result, "mailboxes", c->mailboxes);
	for (size_t i = 0; i < SUMS; i++) {
		if (c->has[i])
			json_put_int(result, sums[i], c->sum[i]);
	}
	if (c->deep != NULL)
		deep_put(c->deep, result);
	c->is_ok = c->is_ok && (c->deep == NULL || deep_is_ok(c->deep));
	if (c->is_verify)
		json_put_bool(result, "ok", c->is_ok && !c->is_stopped);
	if (c->deep != NULL && !line->json)
		print_findings(line, json_get(result, "findings"));
	list_print_object(line, check_fields, result);
	json_free(&result);
}

/* What helps against what was found. */
static void
print_advice(const struct check *c)
{
	bool differs = c->sum[MISSING] + c->sum[STALE] + c->sum[CHANGED] > 0;

	if (c->line->json || c->is_ok)
		return;
	if (differs && cmd_option(c->line, "repair") == NULL)
		fputs("The index will agree after \"posthouse mailbox verify "
		      "--repair\".\n",
		    c->line->out);
	if (c->sum[DAMAGED] > 0 && c->deep == NULL)
		fputs("\"posthouse mailbox verify --deep\" tells which files "
		      "are damaged.\n",
		    c->line->out);
}

static int
prepare(struct check *c, struct fault *f)
{
	struct cmd_line *line = c->line;

	c->call = call_open(line->file, PLACE_LMTPD, f);
	if (c->call == NULL)
		return -1;
	if (line->n_args > 0)
		add_name(c, line->args[0]);
	else if (ask_names(c, cmd_option(line, "resume"), f) < 0)
		return -1;
	if (cmd_option(line, "deep") == NULL)
		return 0;
	c->deep = deep_open(line, c->call, &c->progress, f);
	return c->deep == NULL ? -1 : 0;
}

static int
run(struct check *c, struct fault *f)
{
	int rc = prepare(c, f);

	if (rc == 0) {
		bool deep = c->deep != NULL;

		progress_begin(&c->progress, c->line,
		    deep ? "messages" : "mailboxes", deep ? 0 : c->n);
		rc = check_all(c, f);
		progress_end(&c->progress);
	}
	if (rc == 0 || c->is_stopped)
		print(c);
	if (rc == 0 && c->is_verify && !c->is_ok) {
		print_advice(c);
		c->line->status = EX_DATAERR;
	}
	deep_close(&c->deep);
	call_close(&c->call);
	arena_clear(&c->arena);
	mem_free(c->names);
	return rc;
}

int
mailbox_verify(struct cmd_line *line, struct fault *f)
{
	struct check c = {
	    .line = line,
	    .method = "mailbox.verify",
	    .is_verify = true,
	    .is_ok = true,
	};

	return run(&c, f);
}

int
mailbox_rebuild(struct cmd_line *line, struct fault *f)
{
	struct check c = {
	    .line = line,
	    .method = "mailbox.rebuild",
	    .is_ok = true,
	};

	return run(&c, f);
}
