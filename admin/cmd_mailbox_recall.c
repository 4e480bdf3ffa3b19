/* SPDX-License-Identifier: ISC */
/*
 * Every copy of a message, out of all mailboxes into quarantine, and back.
 *
 * A recall has an id, which stands in the attics (store/attic.h) as what the
 * messages were put away for: nothing else has to be kept to undo it.
 */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/picked.h"
#include "admin/select.h"
#include "base/control.h"
#include "base/crypto.h"
#include "base/map.h"

enum { ANSWER_MS = 10000, TEXT_SIZE = 300 };

/* "20261129-1a2b3c": when, and nothing that comes twice. */
static void
make_id(struct attic_batch *batch)
{
	unsigned char bytes[3];
	struct tm day;
	time_t now = time(NULL);
	char date[16];

	batch->time = (int64_t)now;
	localtime_r(&now, &day);
	strftime(date, sizeof date, "%Y%m%d", &day);
	crypto_random(bytes, sizeof bytes);
	snprintf(batch->word, sizeof batch->word, "%s-%02x%02x%02x", date,
	    bytes[0], bytes[1], bytes[2]);
}

struct recall {
	struct cmd_line *line;
	struct mail_client mail;
	struct picked found;
	struct attic_batch batch;
	struct attic_sum sum;
	json_t *queued; /* ids of what waits in the queue and is held there */
};

/* The queue. */

/* A copy that waits there keeps the id by which others were delivered. */
static int
hold_in_queue(const struct recall *r, const struct place *place, const char *id,
    struct fault *f)
{
	json_t *params = json_new_object(), *result;
	bool held;

	json_put_text(params, "id", id);
	if (r->line->dry_run)
		json_put_bool(params, "dry_run", true);
	result = control_request_within(
	    place->control, "queue.hold", params, ANSWER_MS, f);
	json_free(&params);
	if (result == NULL)
		return strcmp(f->dsn, "5.1.0") == 0 ||
			       strcmp(f->dsn, "5.1.1") == 0
			   ? 0
			   : -1;
	held = json_get_int(result, "messages", 0) > 0;
	if (held)
		json_add_text(r->queued, id);
	json_free(&result);
	return 0;
}

struct seen {
	struct map_node node;
	const char *id;
};

static bool
is_id(const struct map_node *node, const void *key)
{
	return strcmp(STRUCT_OF(node, const struct seen, node)->id, key) == 0;
}

/* Each id once. Where no queue runs here, nothing comes from it meanwhile. */
static void
hold_all_in_queue(struct recall *r, struct fault *f)
{
	struct map known = {0};
	struct arena arena = {0};
	struct place place;
	int rc = place_of(r->mail.conf, PLACE_QUEUED, &place, f);

	for (size_t i = 0; i < r->found.n && rc == 0; i++) {
		const char *id = r->found.picks[i].delivery;
		uint64_t hash = str_hash(str(id));
		struct seen *seen;

		if (id[0] == '\0' || map_find(&known, hash, is_id, id) != NULL)
			continue;
		seen = arena_new(&arena, struct seen);
		seen->id = id;
		map_add(&known, &seen->node, hash);
		rc = hold_in_queue(r, &place, id, f);
	}
	map_clear(&known);
	arena_clear(&arena);
	if (rc == 0 || strcmp(f->dsn, "4.4.1") == 0)
		return;
	fprintf(stderr, "posthouse: what waits in the queue was not held: %s\n",
	    f->text);
	r->line->status = EX_TEMPFAIL;
}

/* Recalling. */

static void
print(const struct recall *r)
{
	FILE *out = r->line->out;
	json_t *result;

	if (r->line->json) {
		result = json_new_object();
		if (!r->line->dry_run)
			json_put_text(result, "recall", r->batch.word);
		json_put_int(result, "messages", (int64_t)r->sum.messages);
		json_put_int(result, "bytes", (int64_t)r->sum.bytes);
		json_put_int(result, "mailboxes", (int64_t)r->found.mailboxes);
		json_put(result, "queued", json_hold(r->queued));
		json_put_bool(result, "dry_run", r->line->dry_run);
		list_print_json(r->line, result);
		json_free(&result);
		return;
	}
	fprintf(out, "%" PRIu64 " message%s of %" PRIu64 " mailbox%s %s\n",
	    r->sum.messages, r->sum.messages == 1 ? "" : "s",
	    r->found.mailboxes, r->found.mailboxes == 1 ? "" : "es",
	    r->line->dry_run ? "would be recalled" : "recalled");
	for (size_t i = 0; i < json_len(r->queued); i++)
		fprintf(out, "in the queue%s: %s\n",
		    r->line->dry_run ? "" : ", held there",
		    json_text(json_at(r->queued, i)));
	if (!r->line->dry_run)
		fprintf(out, "to undo it: posthouse mailbox recall undo %s\n",
		    r->batch.word);
}

static int
find(struct recall *r, struct fault *f)
{
	const char *which = r->line->n_args > 0 ? r->line->args[0] : NULL;
	json_t *params = select_params(r->line, which, f);
	struct call *call = NULL;
	int rc = -1;

	if (params == NULL)
		return -1;
	call = call_open(r->line->file, PLACE_LMTPD, f);
	if (call != NULL)
		rc = picked_gather(&r->found, call, params, f);
	call_close(&call);
	json_free(&params);
	return rc;
}

static int
put_away(struct recall *r, struct fault *f)
{
	struct progress progress;
	const struct picked_way way = {
	    .client = r->mail.client,
	    .room = ATTIC_RECALLED,
	    .batch = r->batch,
	    .progress = &progress,
	    .again = "the same command again recalls the rest, under an id "
		     "of its own",
	};
	int rc;

	progress_begin(&progress, r->line, "messages", r->found.n);
	rc = picked_put_away(&r->found, &way, &r->sum, f);
	progress_end(&progress);
	return rc;
}

/* Whoever asks is asked back, told how much it is. The queue is held first: what
 * comes from there while mailboxes are gone through would stay. */
static int
carry_out(struct recall *r, struct fault *f)
{
	char text[TEXT_SIZE];

	snprintf(text, sizeof text, "%zu message%s of %" PRIu64 " mailbox%s",
	    r->found.n, r->found.n == 1 ? "" : "s", r->found.mailboxes,
	    r->found.mailboxes == 1 ? "" : "es");
	if (!r->line->dry_run) {
		char question[TEXT_SIZE + 20], note[2 * TEXT_SIZE];

		snprintf(question, sizeof question, "Recall %s?", text);
		if (!mail_client_confirm(r->line, question))
			return fault_perm(f, "5.5.1", "nothing was recalled");
		snprintf(note, sizeof note, "%s: %s,", r->batch.word, text);
		if (mail_client_note_options(
			r->line, "mailbox.recall", "", note, f) < 0)
			return -1;
	}
	hold_all_in_queue(r, f);
	if (r->line->dry_run)
		return 0;
	if (mail_client_begin(&r->mail, MAIL_CLIENT_CHANGE, f) < 0)
		return -1;
	return put_away(r, f);
}

static int
check_asked(const struct cmd_line *line, struct fault *f)
{
	static const char *const needed[] = {
	    "id", "message-id", "from", "subject", "digest", "body", "list-id"};

	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (cmd_option(line, needed[i]) != NULL)
			return 0;
	return fault_perm(f, "5.5.4",
	    "which message? By --message-id, --from, --subject, --digest, --body, "
	    "--list-id or --id");
}

int
mailbox_recall(struct cmd_line *line, struct fault *f)
{
	struct recall r = {.line = line, .queued = json_new_array()};
	int rc = -1;

	make_id(&r.batch);
	if (check_asked(line, f) < 0 ||
	    mail_client_prepare(&r.mail, line, f) < 0 || find(&r, f) < 0)
		goto out;
	r.sum = (struct attic_sum){r.found.n, r.found.bytes};
	if (r.found.n > 0 || line->json)
		rc = r.found.n > 0 ? carry_out(&r, f) : 0;
	else
		rc = fault_perm(f, "5.1.1", "there is no such message");
	if (rc == 0)
		print(&r);
	if (rc == 0 && r.found.n == 0)
		line->status = EX_NOUSER;
out:
	json_free(&r.queued);
	picked_clear(&r.found);
	mail_client_close(&r.mail);
	return rc;
}
