/* SPDX-License-Identifier: ISC */
/*
 * posthouse explain: what would become of a message, and which rules say so.
 * posthouse-smtpd plays the session through; where the message would leave the
 * house, posthouse-queued says by which way. Nothing is sent.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/place.h"
#include "base/buf.h"
#include "base/control.h"
#include "base/options.h"
#include "base/str.h"

static int explain(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_explain[] = {
	{ "explain", NULL,
	  "--to ADDRESS [--from ADDRESS] [--client IP] [--login NAME] "
	  "[--helo NAME] [--listener NAME] [--size BYTES]", 0, 0, CMD_JSON,
	  "what would become of a message, and why", explain },
	{ 0 },
};
/* clang-format on */

enum {
	/* Look-ups of DNS and of a directory that is slow. */
	ANSWER_MS = 120000,
	TEXT_MAX = 4 << 20,
};

static json_t *
ask(const char *run_dir, const char *program, const char *method,
    const json_t *params, struct fault *f)
{
	char path[PLACE_PATH_SIZE];

	snprintf(path, sizeof path, "%s/%s.ctl", run_dir, program);
	return control_request_within(path, method, params, ANSWER_MS, f);
}

static int
read_line(const struct cmd_line *line, json_t *params, struct fault *f)
{
	static const char *const names[] = {
	    "to", "from", "client", "login", "helo", "listener"};
	const char *size = cmd_option(line, "size");
	uint64_t bytes;

	if (cmd_option(line, "to") == NULL)
		return fault_perm(
		    f, "5.5.4", "to whom? \"posthouse explain --to ADDRESS\"");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (cmd_option(line, names[i]) != NULL)
			json_put_text(
			    params, names[i], cmd_option(line, names[i]));
	if (size == NULL)
		return 0;
	if (!str_to_u64(str(size), 1, INT64_MAX, &bytes))
		return fault_perm(
		    f, "5.5.4", "--size %.40s: a number of bytes", size);
	json_put_int(params, "size", (int64_t)bytes);
	return 0;
}

/* For each mailbox that the queue gets: its way, or why it cannot be told. */
static void
add_routes(const char *run_dir, const json_t *result)
{
	const json_t *next = json_get(result, "next");

	for (size_t i = 0; i < json_len(next); i++) {
		json_t *n = json_at(next, i), *params, *route;
		const char *way = json_get_text(n, "way");
		struct fault f;

		/* The members of a group go many ways. */
		if (way == NULL || strcmp(way, "local") == 0 ||
		    strcmp(way, "group") == 0)
			continue;
		params = json_new_object();
		json_put_text(params, "to", json_get_text(n, "to"));
		json_put_text(params, "from", json_get_text(n, "from"));
		route = ask(
		    run_dir, "posthouse-queued", "route.explain", params, &f);
		if (route != NULL)
			json_put(n, "route", route);
		else
			json_put_text(n, "text", f.text);
		json_free(&params);
	}
}

/* For people. */

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_get_text(object, key);

	return text != NULL ? text : "";
}

/* "  rule (FILE:LINE): text" */
static void
put_rules(struct buf *b, const json_t *object)
{
	const json_t *rules = json_get(object, "rules");

	for (size_t i = 0; i < json_len(rules); i++) {
		const json_t *r = json_at(rules, i);
		const char *where = text_of(r, "where");

		buf_puts(b, "  ");
		buf_put_shown(b, text_of(r, "rule"));
		if (where[0] != '\0') {
			buf_puts(b, " (");
			buf_put_shown(b, where);
			buf_putc(b, ')');
		}
		buf_puts(b, ": ");
		buf_put_shown(b, text_of(r, "text"));
		buf_putc(b, '\n');
	}
}

static void
put_step(struct buf *b, const json_t *step)
{
	struct str rest = str(text_of(step, "text"));
	struct str first = str_cut(&rest, '\n');
	const char *command = text_of(step, "command");

	if (command[0] != '\0') {
		buf_put_shown(b, command);
		buf_putc(b, '\n');
	}
	put_rules(b, step);
	buf_putf(b, "  > %" PRId64 " ", json_get_int(step, "code", 0));
	if (text_of(step, "dsn")[0] != '\0')
		buf_putf(b, "%s ", text_of(step, "dsn"));
	buf_putf(b, "%.*s\n", STR_ARG(first));
}

static void
put_fault(struct buf *b, const json_t *object)
{
	const json_t *fault = json_get(object, "fault");

	if (fault == NULL)
		return;
	buf_putf(
	    b, "    %s %s: ", text_of(fault, "kind"), text_of(fault, "dsn"));
	buf_put_shown(b, text_of(fault, "text"));
	buf_putc(b, '\n');
}

static void
put_host(struct buf *b, const json_t *host)
{
	const json_t *addresses = json_get(host, "addresses");
	const json_t *tls = json_get(host, "tls");

	buf_puts(b, "    host ");
	buf_put_shown(b, text_of(host, "name"));
	if (json_get(host, "preference") != NULL)
		buf_putf(b, ", preference %" PRId64,
		    json_get_int(host, "preference", 0));
	for (size_t i = 0; i < json_len(addresses); i++)
		buf_putf(b, "%s %s", i == 0 ? ":" : ",",
		    json_text(json_at(addresses, i)));
	buf_putc(b, '\n');
	if (tls != NULL) {
		buf_putf(b, "      TLS %s: ", text_of(tls, "level"));
		buf_put_shown(b, text_of(tls, "rule"));
		if (text_of(tls, "verify")[0] != '\0')
			buf_putf(b, ", proved as %s", text_of(tls, "verify"));
		buf_putc(b, '\n');
	}
	put_fault(b, host);
}

static void
print_sts(struct buf *b, const json_t *sts)
{
	bool known = text_of(sts, "mode")[0] != '\0';

	if (!known && text_of(sts, "trouble")[0] == '\0')
		return;
	buf_putf(b, "    MTA-STS of %s: %s", text_of(sts, "domain"),
	    known ? text_of(sts, "mode") : "no policy");
	if (text_of(sts, "trouble")[0] != '\0') {
		buf_puts(b, "; ");
		buf_put_shown(b, text_of(sts, "trouble"));
	}
	buf_putc(b, '\n');
}

static void
put_route(struct buf *b, const json_t *answer)
{
	const json_t *route = json_get(answer, "route");
	const json_t *target = json_get(answer, "target");
	const json_t *hosts = json_get(target, "hosts");

	if (route != NULL) {
		buf_putf(b, "    route %s by ", text_of(route, "kind"));
		buf_put_shown(b, text_of(route, "rule"));
		if (text_of(route, "where")[0] != '\0')
			buf_putf(b, " (%s)", text_of(route, "where"));
		if (text_of(route, "host")[0] != '\0')
			buf_putf(b, ": %s", text_of(route, "host"));
		if (text_of(route, "address")[0] != '\0')
			buf_putf(b, ": %s", text_of(route, "address"));
		buf_putc(b, '\n');
	}
	if (json_get(target, "sts") != NULL)
		print_sts(b, json_get(target, "sts"));
	for (size_t i = 0; i < json_len(hosts); i++)
		put_host(b, json_at(hosts, i));
	put_fault(b, answer);
}

static void
put_next(struct buf *b, const json_t *next)
{
	static const struct {
		const char *way, *words;
	} ways[] = {
	    {"local", "delivered at once by LMTP"},
	    {"queue", "to the queue"},
	    {"forward", "forwarded, through the queue"},
	    {"group", "to all members, through the queue"},
	};
	const char *way = text_of(next, "way");

	buf_puts(b, "=> ");
	buf_put_shown(b, text_of(next, "to"));
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (strcmp(way, ways[i].way) == 0)
			buf_putf(b, ": %s", ways[i].words);
	if (strcmp(way, "local") != 0) {
		buf_puts(b, ", sender <");
		buf_put_shown(b, text_of(next, "from"));
		buf_putc(b, '>');
	}
	buf_putc(b, '\n');
	put_rules(b, next);
	if (text_of(next, "text")[0] != '\0') {
		buf_puts(b, "    ");
		buf_put_shown(b, text_of(next, "text"));
		buf_putc(b, '\n');
	}
	if (json_get(next, "route") != NULL)
		put_route(b, json_get(next, "route"));
}

static void
put_all(struct buf *b, const json_t *result)
{
	const json_t *listener = json_get(result, "listener");
	const json_t *steps = json_get(result, "steps");
	const json_t *next = json_get(result, "next");

	buf_put_shown(b, text_of(result, "client"));
	buf_putf(b, " at \"%s\", %s (%s)\n", text_of(listener, "address"),
	    text_of(listener, "protocol"), text_of(listener, "where"));
	for (size_t i = 0; i < json_len(steps); i++)
		put_step(b, json_at(steps, i));
	for (size_t i = 0; i < json_len(next); i++)
		put_next(b, json_at(next, i));
}

static void
print_text(struct cmd_line *line, const json_t *result)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	put_all(&b, result);
	fwrite(buf_text(&b), 1, buf_len(&b), line->out);
	buf_clear(&b);
}

/* As sendmail's: whoever asks in a script wants to know whether it would go. */
static int
status_of(const json_t *result)
{
	const json_t *steps = json_get(result, "steps");
	const json_t *last = json_at(steps, json_len(steps) - 1);

	if (json_get_bool(result, "accepted", false))
		return EX_OK;
	return json_get_int(last, "code", 0) < 500 ? EX_TEMPFAIL
						   : EX_UNAVAILABLE;
}

static int
run(struct cmd_line *line, const char *run_dir, const json_t *params,
    struct fault *f)
{
	json_t *result =
	    ask(run_dir, "posthouse-smtpd", "smtp.explain", params, f);

	if (result == NULL)
		return -1;
	add_routes(run_dir, result);
	if (line->json)
		list_print_json(line, result);
	else
		print_text(line, result);
	line->status = status_of(result);
	json_free(&result);
	return 0;
}

static int
explain(struct cmd_line *line, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, false, f);
	json_t *params = json_new_object();
	const struct common_options *common;
	int rc = -1;

	if (conf != NULL && read_line(line, params, f) == 0) {
		common = conf_get(conf, &common_table);
		rc = run(line, common->run_dir, params, f);
	}
	json_free(&params);
	conf_free(&conf);
	return rc;
}
