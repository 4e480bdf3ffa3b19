/* SPDX-License-Identifier: ISC */
/*
 * Most mailboxes have room, and mail comes in bursts: an answer that there is
 * room is kept for seconds. So that it serves messages of all sizes, more is
 * asked for than is needed; only who has no room for that is asked exactly.
 */
#include "config.h"

#include "mta/smtpd/quota.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/policy.h"
#include "proto/policy_client.h"

enum {
	KEPT = 1 << 14,   /* answers; two that collide replace one another */
	AWAY_MS = 1000,   /* before it is asked again */
	LEAST = 64 << 10, /* bytes that are asked for */
	ACTION_MAX = 1000,
};

struct kept {
	uint64_t hash;
	uint64_t size;
	int64_t until; /* clock_ms() */
};

struct quota_asker {
	struct quota_asker_conf conf;
	struct policy_client *client;
	pthread_mutex_t mutex;
	struct kept *kept;
	int64_t away_until; /* clock_ms() */
	bool is_away;       /* and the log says so */
	bool was_there;
};

struct quota_asker *
quota_asker_new(const struct quota_asker_conf *conf)
{
	struct quota_asker *a = mem_new(struct quota_asker);

	a->conf = *conf;
	a->client = policy_client_new(&conf->address, conf->timeout_ms);
	a->kept = mem_zeroed(KEPT, sizeof *a->kept);
	pthread_mutex_init(&a->mutex, NULL);
	return a;
}

void
quota_asker_free(struct quota_asker **asker)
{
	struct quota_asker *a = *asker;

	if (a == NULL)
		return;
	policy_client_free(&a->client);
	pthread_mutex_destroy(&a->mutex);
	mem_free(a->kept);
	mem_free(a);
	*asker = NULL;
}

/* Whether there is nothing to ask: room is known, or nobody answers. */
static bool
is_settled(struct quota_asker *a, uint64_t hash, uint64_t size)
{
	const struct kept *k = &a->kept[hash % KEPT];
	int64_t now = clock_ms();
	bool yes;

	pthread_mutex_lock(&a->mutex);
	yes = now < a->away_until ||
	      (k->hash == hash && k->size >= size && now < k->until);
	pthread_mutex_unlock(&a->mutex);
	return yes;
}

static void
keep(struct quota_asker *a, uint64_t hash, uint64_t size)
{
	struct kept *k = &a->kept[hash % KEPT];

	pthread_mutex_lock(&a->mutex);
	*k = (struct kept){hash, size, clock_ms() + a->conf.cache_ms};
	pthread_mutex_unlock(&a->mutex);
}

static void
note_away(struct quota_asker *a, const struct fault *why)
{
	bool is_news;

	pthread_mutex_lock(&a->mutex);
	a->away_until = clock_ms() + AWAY_MS;
	is_news = !a->is_away && (a->was_there || !a->conf.is_default);
	a->is_away = true;
	pthread_mutex_unlock(&a->mutex);
	if (is_news)
		log_warn(NULL, "quotas not asked", "reason", why->text, NULL);
}

static void
note_there(struct quota_asker *a)
{
	bool is_news;

	pthread_mutex_lock(&a->mutex);
	is_news = a->is_away && a->was_there;
	a->is_away = false;
	a->was_there = true;
	pthread_mutex_unlock(&a->mutex);
	if (is_news)
		log_info(NULL, "quotas asked again", NULL);
}

/* Others speak of more than of quotas. */
static bool
is_of_quota(const struct fault *f)
{
	return str_ends(str(f->dsn), STR_LIT(".2.2")) ||
	       str_ends(str(f->dsn), STR_LIT(".2.3"));
}

/* 1: room; 0: no opinion; -1: none, with the fault. */
static int
ask(struct quota_asker *a, struct str mailbox, struct str sender, uint64_t size,
    struct fault *f)
{
	struct buf request, action;
	char number[24];
	int rc;

	snprintf(number, sizeof number, "%" PRIu64, size);
	buf_init(&request, POLICY_REQUEST_MAX);
	buf_init(&action, ACTION_MAX);
	policy_put(&request, "request", STR_LIT("smtpd_access_policy"));
	policy_put(&request, "protocol_state", STR_LIT("RCPT"));
	policy_put(&request, "protocol_name", STR_LIT("ESMTP"));
	policy_put(&request, "sender", sender);
	policy_put(&request, "recipient", mailbox);
	policy_put(&request, "size", str(number));
	policy_put_end(&request);
	rc = policy_ask(a->client, buf_str(&request), &action, f);
	if (rc < 0)
		note_away(a, f);
	else
		note_there(a);
	if (rc == 0) {
		rc = policy_parse_action(buf_str(&action), f) == 0 ? 1 : -1;
		if (rc < 0 && !is_of_quota(f))
			rc = 0;
	} else {
		rc = 0;
	}
	buf_clear(&request);
	buf_clear(&action);
	return rc;
}

/* A power of two, so that few sizes are asked for. */
static uint64_t
generous(uint64_t size)
{
	uint64_t more = LEAST;

	while (more < size && more <= UINT64_MAX / 2)
		more *= 2;
	return more < size ? size : more;
}

int
quota_ask(struct quota_asker *a, struct str mailbox, struct str sender,
    uint64_t size, struct fault *f)
{
	uint64_t hash = str_hash(mailbox), more = generous(size);
	int rc;

	if (is_settled(a, hash, size))
		return 0;
	rc = ask(a, mailbox, sender, more, f);
	if (rc > 0)
		keep(a, hash, more);
	else if (rc < 0)
		rc = ask(a, mailbox, sender, size, f);
	return rc < 0 ? -1 : 0;
}
