/* SPDX-License-Identifier: ISC */
/* posthouse status: which daemons run, and where they listen. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/place.h"
#include "base/control.h"
#include "base/options.h"

static int status(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_status[] = {
	{ "status", NULL, "", 0, 0, CMD_JSON,
	  "which daemons run, and where they listen", status },
	{ 0 },
};

static const struct table_column daemon_columns[] = {
	{ "DAEMON", "program", TABLE_TEXT },
	{ "STATE", "state", TABLE_TEXT },
	{ "VERSION", "version", TABLE_TEXT },
	{ "PID", "pid", TABLE_NUMBER },
	{ "UPTIME", "uptime", TABLE_SPAN },
	{ "SESSIONS", "sessions", TABLE_NUMBER },
	{ 0 },
};

static const struct table_column listener_columns[] = {
	{ "LISTENER", "program", TABLE_TEXT },
	{ "PROTOCOL", "protocol", TABLE_TEXT },
	{ "ADDRESS", "address", TABLE_TEXT },
	{ "PORT", "port", TABLE_NUMBER },
	{ 0 },
};
/* clang-format on */

enum { ANSWER_MS = 5000 };

static const char *const programs[] = {"posthouse-smtpd", "posthouse-queued",
    "posthouse-lmtpd", "posthouse-authd"};

/*
 * The daemon's own words and "state": up, down, silent (it does not answer) or
 * closed (we may not ask), and why.
 */
static json_t *
ask(const char *run_dir, const char *program, struct fault *f)
{
	char path[PLACE_PATH_SIZE];
	const char *state = "up";
	json_t *answer;

	snprintf(path, sizeof path, "%s/%s.ctl", run_dir, program);
	answer = control_request_within(path, "status", NULL, ANSWER_MS, f);
	if (answer == NULL) {
		state = strcmp(f->dsn, "4.4.1") == 0   ? "down"
			: strcmp(f->dsn, "4.7.0") == 0 ? "closed"
						       : "silent";
		answer = json_new_object();
		json_put_text(answer, "program", program);
		json_put_text(answer, "why", f->text);
	}
	json_put_text(answer, "state", state);
	json_put_bool(answer, "running", strcmp(state, "up") == 0);
	return answer;
}

/* All listeners of all daemons, each with its program. */
static json_t *
gather_listeners(const json_t *daemons)
{
	json_t *all = json_new_array();

	for (size_t i = 0; i < json_len(daemons); i++) {
		const json_t *daemon = json_at(daemons, i);
		const json_t *own = json_get(daemon, "listeners");

		for (size_t j = 0; j < json_len(own); j++) {
			json_t *item = json_hold(json_at(own, j));

			json_put_text(
			    item, "program", json_get_text(daemon, "program"));
			json_add(all, item);
		}
	}
	return all;
}

static void
print_table(FILE *out, const struct table_column *columns, const json_t *rows)
{
	struct table table;

	table_init(&table, out, columns);
	for (size_t i = 0; i < json_len(rows); i++)
		table_add(&table, json_at(rows, i));
	table_flush(&table);
	table_clear(&table);
}

static void
print(struct cmd_line *line, json_t *result)
{
	const json_t *listeners = json_get(result, "listeners");

	if (line->json) {
		list_print_json(line, result);
		return;
	}
	print_table(line->out, daemon_columns, json_get(result, "daemons"));
	if (json_len(listeners) > 0)
		putc('\n', line->out);
	print_table(line->out, listener_columns, listeners);
}

static int
status(struct cmd_line *line, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, false, f);
	const struct common_options *common;
	json_t *result, *daemons;

	if (conf == NULL)
		return -1;
	common = conf_get(conf, &common_table);
	result = json_new_object();
	daemons = json_new_array();
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		json_t *daemon = ask(common->run_dir, programs[i], f);

		if (!json_get_bool(daemon, "running", false))
			line->status = EX_UNAVAILABLE;
		json_add(daemons, daemon);
	}
	json_put_text(result, "version", PACKAGE_VERSION);
	json_put(result, "daemons", daemons);
	json_put(result, "listeners", gather_listeners(daemons));
	print(line, result);
	json_free(&result);
	conf_free(&conf);
	return 0;
}
