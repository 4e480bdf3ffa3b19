/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "admin/picked.h"

#include <string.h>

#include "admin/select.h"
#include "base/mem.h"
#include "store/hold.h"

static const char *
keep_text(struct picked *p, const json_t *message, const char *key)
{
	const char *text = json_get_text(message, key);

	return arena_text(&p->arena, str(text != NULL ? text : ""));
}

static int
gather(void *ctx, const json_t *message, struct fault *f)
{
	struct picked *p = ctx;
	const char *before = p->n > 0 ? p->picks[p->n - 1].mailbox : "";
	const char *mailbox = json_get_text(message, "mailbox");
	const char *file = json_get_text(message, "file");
	struct pick *pick;

	if (mailbox == NULL || file == NULL || strchr(file, '/') == NULL)
		return fault_temp(
		    f, "4.3.0", "the answer of posthouse-lmtpd is odd");
	if (p->n == p->room) {
		p->room = p->room * 2 + 64;
		p->picks = mem_resize(p->picks, p->room, sizeof *p->picks);
	}
	pick = &p->picks[p->n++];
	pick->mailbox = strcmp(before, mailbox) == 0
			    ? before
			    : arena_text(&p->arena, str(mailbox));
	p->mailboxes += pick->mailbox != before;
	pick->folder = keep_text(p, message, "folder");
	pick->file = arena_text(&p->arena, str(strchr(file, '/') + 1));
	pick->delivery = keep_text(p, message, "delivery_id");
	pick->size = (uint64_t)json_get_int(message, "size", 0);
	p->bytes += pick->size;
	return 0;
}

int
picked_gather(
    struct picked *p, struct call *call, json_t *params, struct fault *f)
{
	return select_each(call, params, gather, p, f);
}

void
picked_clear(struct picked *p)
{
	arena_clear(&p->arena);
	mem_free(p->picks);
	*p = (struct picked){0};
}

/* The attic of the mailbox that comes next; NULL where that has gone. */
static int
enter_mailbox(const struct picked_way *way, const char *name,
    struct attic **attic, struct fault *f)
{
	int root = way->client->root;
	struct mailbox_name mailbox;
	uint64_t n;

	if (attic_close(attic, f) < 0 ||
	    mailbox_name_parse(str(name), &mailbox, f) < 0)
		return -1;
	progress_enter(way->progress, name);
	*attic = attic_open(root, &mailbox, way->room, way->client->host, f);
	if (*attic == NULL)
		return strcmp(f->dsn, "5.1.1") == 0 ? 0 : -1;
	return hold_is_on(root, &mailbox) ? hold_catch(root, &mailbox, &n, f)
					  : 0;
}

static int
put_one(const struct picked_way *way, struct attic *attic,
    const struct pick *pick, struct attic_sum *sum, struct fault *f)
{
	struct mailbox_folder folder;
	int rc;

	if (mailbox_folder_parse(str(pick->folder), &folder, f) < 0)
		return -1;
	rc = attic_put(attic, &way->batch, &folder, str(pick->file), f);
	if (rc == 1) {
		sum->messages++;
		sum->bytes += pick->size;
	}
	return rc < 0 ? -1 : 0;
}

int
picked_put_away(const struct picked *p, const struct picked_way *way,
    struct attic_sum *sum, struct fault *f)
{
	struct attic *attic = NULL;
	const char *mailbox = NULL;
	struct fault late;
	int rc = 0;

	*sum = (struct attic_sum){0};
	for (size_t i = 0; i < p->n && rc == 0; i++) {
		const struct pick *pick = &p->picks[i];

		if (progress_is_interrupted()) {
			rc = progress_stop(way->progress, way->again, f);
			break;
		}
		if (pick->mailbox != mailbox)
			rc = enter_mailbox(way, pick->mailbox, &attic, f);
		mailbox = pick->mailbox;
		if (rc == 0 && attic != NULL)
			rc = put_one(way, attic, pick, sum, f);
		progress_step(way->progress, 1);
	}
	if (attic_close(&attic, rc < 0 ? &late : f) < 0)
		rc = -1;
	return rc;
}
