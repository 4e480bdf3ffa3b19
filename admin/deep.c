/* SPDX-License-Identifier: ISC */
/* Folder by folder: what the index knows, the files, what it is to learn. */
#include "config.h"

#include "admin/deep.h"

#include "base/mem.h"
#include "store/client.h"
#include "store/verify.h"

enum { LEARN_AT_ONCE = 500 };

struct deep {
	struct call *call;
	struct progress *progress;
	struct client *client;
	struct verify verify;
	const char *mailbox;
	const struct client_folder *folder;
	json_t *digests; /* to be learnt */
	json_t *findings;
	int64_t learnt;
	bool is_stopped;
	bool has_failed; /* to learn */
	struct fault fault;
};

/* Parameters (new) that name the folder. */
static json_t *
folder_params(const struct deep *deep)
{
	json_t *params = json_new_object();

	json_put_text(params, "mailbox", deep->mailbox);
	json_put_text(params, "folder", deep->folder->folder.text);
	return params;
}

/* What was gathered until now. */
static void
learn(struct deep *deep)
{
	json_t *params, *result;

	if (deep->has_failed || json_len(deep->digests) == 0)
		return;
	params = folder_params(deep);
	json_put(params, "digests", deep->digests);
	deep->digests = json_new_array();
	result = call_method(deep->call, "mailbox.learn", params, &deep->fault);
	json_free(&params);
	deep->has_failed = result == NULL;
	if (result == NULL)
		return;
	deep->learnt += json_get_int(result, "learnt", 0);
	json_free(&result);
}

static void
on_found(void *ctx, const struct verify_finding *finding)
{
	struct deep *deep = ctx;
	json_t *item;

	if (json_len(deep->findings) == DEEP_FINDINGS_MAX)
		return;
	item = json_new_object();
	json_put_text(item, "mailbox", deep->mailbox);
	json_put_text(item, "folder", finding->folder->folder.text);
	json_put_text(item, "file", finding->file);
	json_put_text(item, "what", verify_what_name(finding->what));
	json_put_text(item, "why", finding->why);
	json_add(deep->findings, item);
}

static void
on_learnt(void *ctx, const struct verify_digest *digest)
{
	struct deep *deep = ctx;
	json_t *item = json_new_object();
	struct buf hex;

	buf_init(&hex, 2 * sizeof digest->digest);
	buf_put_hex(
	    &hex, str_n((const char *)digest->digest, sizeof digest->digest));
	json_put_str(item, "base", digest->base);
	json_put_int(item, "size", (int64_t)digest->size);
	json_put_int(item, "attachments", (int64_t)digest->attachments);
	json_put_text(item, "digest", buf_text(&hex));
	json_add(deep->digests, item);
	buf_clear(&hex);
	if (json_len(deep->digests) == LEARN_AT_ONCE)
		learn(deep);
}

static bool
on_file(void *ctx, uint64_t bytes)
{
	struct deep *deep = ctx;

	(void)bytes;
	progress_step(deep->progress, 1);
	deep->is_stopped = deep->is_stopped || progress_is_interrupted();
	return !deep->is_stopped && !deep->has_failed;
}

static int
add_known(struct verify_known *known, const json_t *items, struct fault *f)
{
	struct buf digest;
	bool ok = true;

	buf_init(&digest, DIGEST_LEN);
	for (size_t i = 0; i < json_len(items) && ok; i++) {
		const json_t *item = json_at(items, i);
		const char *base = json_get_text(item, "base");
		const char *hex = json_get_text(item, "digest");

		buf_reset(&digest);
		ok = base != NULL &&
		     (hex == NULL || buf_put_unhex(&digest, str(hex)));
		if (ok)
			verify_known_add(known, str(base), buf_str(&digest));
	}
	buf_clear(&digest);
	return ok ? 0 : fault_temp(f, "4.3.0", "the index gave no digests");
}

/* What the index knows of the folder, a page at a time. */
static int
ask_known(struct deep *deep, struct verify_known *known, struct fault *f)
{
	json_t *params = folder_params(deep), *result = NULL;
	const char *next;
	int rc;

	do {
		if (result != NULL)
			json_free(&result);
		result = call_method(deep->call, "mailbox.digests", params, f);
		rc = result == NULL
			 ? -1
			 : add_known(known, json_get(result, "digests"), f);
		next = rc == 0 ? json_get_text(result, "next") : NULL;
		if (next != NULL)
			json_put_text(params, "after", next);
	} while (next != NULL);
	if (result != NULL)
		json_free(&result);
	json_free(&params);
	return rc;
}

/* Each folder, as client_each_folder() gives it. */
static int
read_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct deep *deep = ctx;
	struct verify_known known = {0};
	int rc;

	deep->folder = folder;
	rc = ask_known(deep, &known, f);
	if (rc == 0)
		rc = verify_folder(&deep->verify, folder, &known, f);
	learn(deep);
	verify_known_clear(&known);
	if (deep->has_failed) {
		*f = deep->fault;
		return -1;
	}
	/* What is not 0 ends the walk. */
	return rc < 0 ? -1 : deep->is_stopped;
}

int
deep_mailbox(struct deep *deep, const char *mailbox, struct fault *f)
{
	struct mailbox_name name;
	int rc;

	if (mailbox_name_parse(str(mailbox), &name, f) < 0)
		return -1;
	deep->mailbox = name.text;
	rc = client_each_folder(deep->client, &name, read_folder, deep, f);
	deep->mailbox = NULL;
	return rc < 0 ? -1 : rc == 0;
}

static int
open_client(const struct cmd_line *line, struct deep *deep, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, false, f);
	struct place place;
	int rc = -1;

	if (conf == NULL)
		return -1;
	if (place_of(conf, PLACE_LMTPD, &place, f) == 0 &&
	    place_become_user(&place, f) == 0) {
		deep->client = client_new(place.root, "localhost", f);
		rc = deep->client == NULL ? -1 : 0;
	}
	conf_free(&conf);
	return rc;
}

struct deep *
deep_open(const struct cmd_line *line, struct call *call,
    struct progress *progress, struct fault *f)
{
	struct deep *deep = mem_new(struct deep);

	deep->call = call;
	deep->progress = progress;
	deep->digests = json_new_array();
	deep->findings = json_new_array();
	deep->verify = (struct verify){
	    .found = on_found,
	    .learnt = on_learnt,
	    .go_on = on_file,
	    .ctx = deep,
	};
	if (open_client(line, deep, f) < 0)
		deep_close(&deep);
	return deep;
}

void
deep_close(struct deep **deep)
{
	if (*deep == NULL)
		return;
	client_free(&(*deep)->client);
	json_free(&(*deep)->digests);
	json_free(&(*deep)->findings);
	mem_free(*deep);
	*deep = NULL;
}

bool
deep_is_ok(const struct deep *deep)
{
	return deep->verify.findings == 0;
}

void
deep_put(const struct deep *deep, json_t *result)
{
	const struct verify *v = &deep->verify;

	json_put_int(result, "read", (int64_t)v->messages);
	json_put_int(result, "bytes", (int64_t)v->bytes);
	json_put_int(result, "compared", (int64_t)v->compared);
	json_put_int(result, "learnt", deep->learnt);
	json_put_int(result, "found", (int64_t)v->findings);
	json_put(result, "findings", json_hold(deep->findings));
}
