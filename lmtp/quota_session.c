/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "lmtp/quota_session.h"

#include "base/mem.h"
#include "lmtp/limits.h"
#include "lmtp/session.h"
#include "proto/address.h"
#include "proto/peer.h"
#include "proto/policy.h"
#include "store/store.h"

enum { OUT_MAX = 64 << 10 };

struct quota_session {
	struct lmtpd *lmtpd;
	struct peer peer;
};

/* 0 where it may come, or that is not known; -1 with the fault. */
static int
decide(struct quota_session *s, struct str lines, struct fault *f)
{
	struct str recipient, text;
	struct address address;
	char key[ADDRESS_TEXT_SIZE];
	struct mailbox_name mailbox;
	struct quota_limits limits;
	struct quota_account *account;
	uint64_t size = 0;
	int rc;

	if (!policy_get(lines, "recipient", &recipient) ||
	    address_parse(recipient, &address, f) < 0 ||
	    !address_key(&address, key) ||
	    !limits_get(s->lmtpd->limits, str(key), &mailbox, &limits))
		return 0;
	if (policy_get(lines, "size", &text) &&
	    !str_to_u64(text, 0, INT64_MAX, &size))
		size = 0;
	account = quota_open(store_quotas(s->lmtpd->store), &mailbox, &limits);
	if (account == NULL)
		return 0;
	rc = quota_check(account, size, f);
	quota_close(&account);
	if (rc < 0)
		log_info(&s->peer.log, "no room", "to", key, "dsn", f->dsn,
		    "reason", f->text, NULL);
	return rc;
}

static void
answer(struct quota_session *s, struct str lines)
{
	struct fault f;

	if (decide(s, lines, &f) < 0)
		policy_put_answer(&s->peer.out, &f);
	else
		policy_put_answer(&s->peer.out, NULL);
}

static enum session_next
take_requests(void *ctx)
{
	struct quota_session *s = ctx;
	struct buf *in = &s->peer.in;

	for (;;) {
		struct str lines;
		size_t used;

		switch (policy_take(buf_str(in), &lines, &used)) {
		case POLICY_OK:
			break;
		case POLICY_MORE:
			return SESSION_PARK;
		case POLICY_BAD:
			log_warn(&s->peer.log, "no request", "protocol",
			    "policy", NULL);
			return SESSION_CLOSE;
		}
		answer(s, lines);
		buf_consume(in, used);
		if (peer_is_full(&s->peer) && peer_flush(&s->peer) < 0)
			return SESSION_CLOSE;
	}
}

static enum session_next
on_input(void *state)
{
	struct quota_session *s = state;

	return peer_work(&s->peer, take_requests, s);
}

static void *
on_open(void *service, struct session *session)
{
	struct quota_session *s = mem_new(struct quota_session);

	s->lmtpd = service;
	peer_init(&s->peer, session, POLICY_REQUEST_MAX, OUT_MAX,
	    (int64_t)s->lmtpd->options->command_timeout);
	return s;
}

static void
on_close(void *state)
{
	struct quota_session *s = state;

	peer_clear(&s->peer);
	mem_free(s);
}

const struct session_ops quota_session_ops = {
    .open = on_open,
    .on_input = on_input,
    .close = on_close,
};
