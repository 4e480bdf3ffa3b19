/* SPDX-License-Identifier: ISC */
/*
 * The operator's question how much a mailbox holds:
 *
 *   mailbox.quota    mailbox, quota? quota_messages?: its limits, which the
 *                    directory knows; recount?: bool
 *
 * returns {mailbox, bytes, messages}, and where there are limits quota?,
 * quota_messages? and percent.
 */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "store/quota.h"
#include "store/store_private.h"

static int
take_limit(
    const json_t *params, const char *key, uint64_t *limit, struct fault *f)
{
	int64_t n = json_get_int(params, key, json_get(params, key) ? -1 : 0);

	if (n < 0)
		return fault_perm(f, "5.5.4", "%s: a number", key);
	*limit = (uint64_t)n;
	return 0;
}

static int
ask_account(struct store *store, const struct mailbox_name *mailbox,
    const struct quota_limits *limits, bool recount, struct quota_usage *usage,
    struct fault *f)
{
	struct quota_account *a = quota_open(store->quotas, mailbox, limits);
	int rc =
	    recount ? quota_recount(a, usage, f) : quota_usage(a, usage, f);

	quota_close(&a);
	return rc;
}

/* Nobody has limits there. */
static int
count_messages(struct store *store, const struct mailbox_name *mailbox,
    struct quota_usage *usage, struct fault *f)
{
	struct maildirsize size;
	int box = openat(store->root, mailbox->path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (box < 0)
		return fault_perm(
		    f, "5.1.1", "there is no mailbox %s", mailbox->text);
	rc = maildirsize_count(box, &size, f);
	close(box);
	*usage = (struct quota_usage){
	    .bytes = size.bytes, .messages = size.messages};
	return rc;
}

static json_t *
to_json(const struct mailbox_name *mailbox, const struct quota_usage *u)
{
	json_t *result = json_new_object();

	json_put_text(result, "mailbox", mailbox->text);
	json_put_int(result, "bytes", (int64_t)u->bytes);
	json_put_int(result, "messages", (int64_t)u->messages);
	if (u->limits.bytes > 0)
		json_put_int(result, "quota", (int64_t)u->limits.bytes);
	if (u->limits.messages > 0)
		json_put_int(
		    result, "quota_messages", (int64_t)u->limits.messages);
	if (u->limits.bytes > 0 || u->limits.messages > 0)
		json_put_int(result, "percent", u->percent);
	return result;
}

json_t *
store_method_quota(void *ctx, const json_t *params, struct fault *f)
{
	struct store *store = ctx;
	struct quota_limits limits = {.user.bytes = 0};
	struct mailbox_name mailbox;
	struct quota_usage usage;
	bool recount = json_get_bool(params, "recount", false);
	int rc;

	if (store_read_mailbox(params, true, &mailbox, f) < 0 ||
	    take_limit(params, "quota", &limits.user.bytes, f) < 0 ||
	    take_limit(params, "quota_messages", &limits.user.messages, f) < 0)
		return NULL;
	if (limits.user.bytes > 0 || limits.user.messages > 0)
		rc = ask_account(store, &mailbox, &limits, recount, &usage, f);
	else
		rc = count_messages(store, &mailbox, &usage, f);
	return rc < 0 ? NULL : to_json(&mailbox, &usage);
}
