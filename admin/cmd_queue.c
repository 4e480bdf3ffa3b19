/* SPDX-License-Identifier: ISC */
/*
 * posthouse queue: what waits, and what to do with it. What is meant is said by
 * an id, or by words such as sender=ann@example.org: see filter().
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/cmd_queue.h"
#include "admin/list.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/str.h"

static int list(struct cmd_line *line, struct fault *f);
static int show(struct cmd_line *line, struct fault *f);
static int body(struct cmd_line *line, struct fault *f);
static int act(struct cmd_line *line, struct fault *f);
static int redirect(struct cmd_line *line, struct fault *f);
static int drain(struct cmd_line *line, struct fault *f);
static int flush(struct cmd_line *line, struct fault *f);
static int set_pause(struct cmd_line *line, struct fault *f);
static int stats(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_queue[] = {
	{ "queue", "list", "[WHICH...]", 0, 0, CMD_ANY | CMD_JSON,
	  "messages that wait", list },
	{ "queue", "show", "ID", 1, 1, CMD_JSON,
	  "all that is known of a message", show },
	{ "queue", "body", "ID", 1, 1, 0,
	  "the message itself", body },
	{ "queue", "retry", "WHICH...", 1, 0, CMD_ANY | CMD_JSON | CMD_DRY,
	  "try again now", act },
	{ "queue", "hold", "WHICH...", 1, 0, CMD_ANY | CMD_JSON | CMD_DRY,
	  "try no more until released", act },
	{ "queue", "release", "WHICH...", 1, 0, CMD_ANY | CMD_JSON | CMD_DRY,
	  "undo hold", act },
	{ "queue", "delete", "WHICH...", 1, 0, CMD_ANY | CMD_JSON | CMD_DRY,
	  "remove, and tell nobody", act },
	{ "queue", "bounce", "WHICH...", 1, 0, CMD_ANY | CMD_JSON | CMD_DRY,
	  "return to the senders", act },
	{ "queue", "redirect", "ADDRESS WHICH...", 2, 0,
	  CMD_ANY | CMD_JSON | CMD_DRY, "send to another recipient", redirect },
	{ "queue", "drain", "--to HOP [WHICH...]", 0, 0,
	  CMD_ANY | CMD_JSON | CMD_DRY,
	  "send all by another host, before this one goes", drain },
	{ "queue", "flush", "[DOMAIN]", 0, 1, CMD_JSON,
	  "try all now, or all for a domain", flush },
	{ "queue", "pause", "HOP", 1, 1, CMD_JSON,
	  "send no more to a next hop", set_pause },
	{ "queue", "resume", "HOP", 1, 1, CMD_JSON,
	  "undo pause", set_pause },
	{ "queue", "stats", "", 0, 0, CMD_JSON,
	  "what waits, by next hop", stats },
	{ 0 },
};

static const struct table_column hop_columns[] = {
	{ "NEXT HOP", "hop", TABLE_TEXT },
	{ "PROVIDER", "provider", TABLE_TEXT },
	{ "WAITING", "waiting", TABLE_NUMBER },
	{ "ACTIVE", "active", TABLE_NUMBER },
	{ "AT ONCE", "concurrency", TABLE_NUMBER },
	{ "LIMIT", "limit", TABLE_TEXT },
	{ "PAUSED", "paused", TABLE_BOOL },
	{ "DEAD UNTIL", "dead_until", TABLE_DATE },
	{ "LAST ERROR", "reason", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

/* "2h" as seconds. */
static int
take_span(struct str text, int64_t *seconds)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	uint64_t n;

	if (text.len < 2)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (text.at[text.len - 1] != units[i].letter)
			continue;
		if (!str_to_u64(
			str_head(text, text.len - 1), 0, 1000000000, &n))
			return -1;
		*seconds = (int64_t)n * units[i].seconds;
		return 0;
	}
	return -1;
}

/* One word of those that say which messages are meant. */
static int
filter(json_t *params, const char *word, struct fault *f)
{
	static const char *const texts[] = {
	    "sender", "recipient", "domain", "reason", "state"};
	struct str value = str(word), key;
	int64_t seconds;

	if (strcmp(word, "all") == 0) {
		json_put_bool(params, "all", true);
		return 0;
	}
	if (strchr(word, '=') == NULL) {
		json_put_text(params, "id", word);
		return 0;
	}
	key = str_cut(&value, '=');
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (str_is(key, str(texts[i]))) {
			json_put_str(params, texts[i], value);
			return 0;
		}
	}
	if (!str_is(key, STR_LIT("older")) && !str_is(key, STR_LIT("younger")))
		return fault_perm(f, "5.5.4",
		    "\"%.60s\": messages are selected by an id, all, or "
		    "sender= recipient= domain= reason= state= older= "
		    "younger=",
		    word);
	if (take_span(value, &seconds) < 0)
		return fault_perm(f, "5.5.4",
		    "\"%.60s\": a time has a unit: 30m, 2h, 5d", word);
	json_put_int(params,
	    str_is(key, STR_LIT("older")) ? "older" : "younger", seconds);
	return 0;
}

static json_t *
selection(const struct cmd_line *line, size_t first, struct fault *f)
{
	json_t *params = json_new_object();

	for (size_t i = first; i < line->n_args; i++)
		if (filter(params, line->args[i], f) < 0) {
			json_free(&params);
			return NULL;
		}
	return params;
}

/* Listing. */

struct listing {
	struct cmd_line *line;
	bool any;
};

static void
print_items(void *ctx, const json_t *page)
{
	struct listing *l = ctx;
	const json_t *messages = json_get(page, "messages");

	for (size_t i = 0; i < json_len(messages); i++) {
		const json_t *m = json_at(messages, i);

		if (l->line->json) {
			fputs(l->any ? ",\n  " : "\n  ", l->line->out);
			list_print_line(l->line, m);
		} else {
			queue_print_message(l->line->out, m);
		}
		l->any = true;
	}
}

/* Calls the method until there is no more. Takes params. */
static int
each_page(struct cmd_line *line, const char *method, json_t *params,
    void (*page)(void *ctx, const json_t *result), void *ctx, struct fault *f)
{
	struct call *call = call_open(line->file, PLACE_QUEUED, f);
	bool more = true;
	int rc = -1;

	while (call != NULL && more) {
		json_t *result = call_method(call, method, params, f);
		const char *next;

		if (result == NULL)
			goto out;
		page(ctx, result);
		next = json_get_text(result, "next");
		more = next != NULL && fflush(line->out) == 0;
		if (more)
			json_put_text(params, "from", next);
		json_free(&result);
	}
	rc = call == NULL ? -1 : 0;
out:
	call_close(&call);
	json_free(&params);
	return rc;
}

static int
list(struct cmd_line *line, struct fault *f)
{
	struct listing l = {.line = line};
	json_t *params = selection(line, 0, f);
	int rc;

	if (params == NULL)
		return -1;
	if (line->json)
		fputs("{\"messages\": [", line->out);
	rc = each_page(line, "queue.list", params, print_items, &l, f);
	if (rc == 0 && line->json)
		fputs(l.any ? "\n]}\n" : "]}\n", line->out);
	else if (rc == 0 && !l.any)
		fputs("Nothing waits.\n", line->out);
	return rc;
}

static int
show(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object(), *result;

	json_put_text(params, "id", line->args[0]);
	if (call_once(line, PLACE_QUEUED, "queue.show", params, &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	else
		queue_print_whole(line->out, result);
	json_free(&result);
	return 0;
}

enum { PIECE_MAX = 1 << 20 };

static int
print_piece(struct cmd_line *line, const json_t *piece, struct fault *f)
{
	const char *text = json_get_text(piece, "base64");
	struct buf bytes;
	int rc = -1;

	buf_init(&bytes, PIECE_MAX);
	if (text == NULL || !crypto_base64_take(&bytes, str(text)))
		fault_temp(f, "4.3.0", "the answer of posthouse-queued is odd");
	else
		rc = 0;
	fwrite(buf_text(&bytes), 1, buf_len(&bytes), line->out);
	buf_clear(&bytes);
	return rc;
}

static int
body(struct cmd_line *line, struct fault *f)
{
	struct call *call = call_open(line->file, PLACE_QUEUED, f);
	json_t *params = json_new_object();
	int64_t next = call == NULL ? -1 : 0;
	int rc = -1;

	json_put_text(params, "id", line->args[0]);
	while (next >= 0) {
		json_t *piece;

		json_put_int(params, "offset", next);
		piece = call_method(call, "queue.body", params, f);
		if (piece == NULL || print_piece(line, piece, f) < 0) {
			json_free(&piece);
			goto out;
		}
		next = json_get_int(piece, "next", -1);
		json_free(&piece);
		rc = 0;
	}
out:
	call_close(&call);
	json_free(&params);
	return next >= 0 ? -1 : rc;
}

/* Changes. */

struct sums {
	int64_t messages, recipients;
	int64_t under_way; /* messages that were left alone */
};

static void
add_sums(void *ctx, const json_t *result)
{
	struct sums *s = ctx;

	s->messages += json_get_int(result, "messages", 0);
	s->recipients += json_get_int(result, "recipients", 0);
	s->under_way += json_get_int(result, "under_way", 0);
}

/* The verb in the past: "held". */
static const char *
done_word(const char *verb)
{
	static const char *const words[][2] = {
	    {"retry", "due now"},
	    {"hold", "held"},
	    {"release", "released"},
	    {"delete", "deleted"},
	    {"bounce", "returned"},
	    {"redirect", "redirected"},
	    {"drain", "directed there"},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(verb, words[i][0]) == 0)
			return words[i][1];
	return verb;
}

static void
print_sums(struct cmd_line *line, const struct sums *s)
{
	json_t *object;

	if (!line->json) {
		fprintf(line->out, "%lld message%s, %lld recipient%s: %s%s\n",
		    (long long)s->messages, s->messages == 1 ? "" : "s",
		    (long long)s->recipients, s->recipients == 1 ? "" : "s",
		    line->dry_run ? "would be " : "",
		    done_word(line->cmd->verb));
		if (s->under_way > 0)
			fprintf(line->out,
			    "%lld message%s being sent now: not changed\n",
			    (long long)s->under_way,
			    s->under_way == 1 ? " is" : "s are");
		return;
	}
	object = json_new_object();
	json_put_int(object, "messages", s->messages);
	json_put_int(object, "recipients", s->recipients);
	json_put_int(object, "under_way", s->under_way);
	json_put_bool(object, "dry_run", line->dry_run);
	list_print_json(line, object);
	json_free(&object);
}

/* Takes params. */
static int
change(struct cmd_line *line, json_t *params, struct fault *f)
{
	struct sums sums = {0};
	char method[32];

	snprintf(method, sizeof method, "queue.%s", line->cmd->verb);
	if (line->dry_run)
		json_put_bool(params, "dry_run", true);
	if (each_page(line, method, params, add_sums, &sums, f) < 0)
		return -1;
	print_sums(line, &sums);
	if (sums.under_way > 0)
		line->status = EX_TEMPFAIL;
	else if (sums.messages == 0)
		line->status = EX_NOUSER;
	return 0;
}

static int
act(struct cmd_line *line, struct fault *f)
{
	json_t *params = selection(line, 0, f);

	return params == NULL ? -1 : change(line, params, f);
}

static int
redirect(struct cmd_line *line, struct fault *f)
{
	json_t *params = selection(line, 1, f);

	if (params == NULL)
		return -1;
	json_put_text(params, "to", line->args[0]);
	return change(line, params, f);
}

/* Without a selection all: that is what it is for. */
static int
drain(struct cmd_line *line, struct fault *f)
{
	const char *to = cmd_option(line, "to");
	json_t *params;

	if (to == NULL)
		return fault_perm(f, "5.5.4",
		    "where to? \"posthouse queue drain --to HOST\"");
	params = selection(line, 0, f);
	if (params == NULL)
		return -1;
	if (line->n_args == 0)
		json_put_bool(params, "all", true);
	json_put_text(params, "to", to);
	return change(line, params, f);
}

/* Next hops. */

static int
flush(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object(), *result;

	if (line->n_args > 0)
		json_put_text(params, "domain", line->args[0]);
	if (call_once(line, PLACE_QUEUED, "queue.flush", params, &result, f) <
	    0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	else
		fprintf(line->out, "%lld messages: due now\n",
		    (long long)json_get_int(result, "messages", 0));
	json_free(&result);
	return 0;
}

static int
set_pause(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object(), *result;
	char method[32];

	snprintf(method, sizeof method, "queue.%s", line->cmd->verb);
	json_put_text(params, "hop", line->args[0]);
	if (call_once(line, PLACE_QUEUED, method, params, &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	json_free(&result);
	return 0;
}

/* "5 at once, 20 in 60s, 2000ms apart"; nothing where there is none. */
static void
put_limit(json_t *hop)
{
	int64_t max = json_get_int(hop, "max", 0);
	int64_t rate = json_get_int(hop, "rate", 0);
	int64_t gap = json_get_int(hop, "gap", 0);
	struct buf b;

	buf_init(&b, 100);
	if (max > 0)
		buf_putf(&b, "%lld at once, ", (long long)max);
	if (rate > 0)
		buf_putf(&b, "%lld in %llds, ", (long long)rate,
		    (long long)(json_get_int(hop, "period", 0) / 1000));
	if (gap > 0)
		buf_putf(&b, "%lldms apart, ", (long long)gap);
	if (buf_len(&b) > 0) {
		buf_truncate(&b, buf_len(&b) - 2);
		json_put_str(hop, "limit", buf_str(&b));
	}
	buf_clear(&b);
}

static void
print_hops(struct cmd_line *line, const json_t *hops)
{
	struct table table;

	table_init(&table, line->out, hop_columns);
	for (size_t i = 0; i < json_len(hops); i++) {
		json_t *hop = json_at(hops, i);
		int64_t dead = json_get_int(hop, "dead_until", 0);

		if (dead > 0)
			json_put_int(hop, "dead_until", dead / 1000);
		put_limit(hop);
		table_add(&table, hop);
	}
	table_flush(&table);
	table_clear(&table);
}

static int
stats(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (call_once(line, PLACE_QUEUED, "queue.stats", NULL, &result, f) < 0)
		return -1;
	if (line->json) {
		list_print_json(line, result);
	} else {
		fprintf(line->out, "%lld messages wait, %lld under way\n",
		    (long long)json_get_int(result, "messages", 0),
		    (long long)json_get_int(result, "active", 0));
		if (json_len(json_get(result, "hops")) > 0)
			print_hops(line, json_get(result, "hops"));
	}
	json_free(&result);
	return 0;
}
