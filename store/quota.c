/* SPDX-License-Identifier: ISC */
/*
 * Accounts live while somebody holds them; what must outlive that is in the
 * files. An account's mutex is held over the placing of a message and its line
 * in "maildirsize", so that whoever counts finds both or neither.
 */
#include "config.h"

#include "store/quota.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/box.h"
#include "store/quota_domain.h"
#include "store/quota_room.h"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	/* Another program that has other limits and writes them too must not
	 * make us count all messages again and again. */
	LIMITS_MS = 60000,
	LIMITS_MAX = 100, /* in that time */
	WARN_MS = 60000,
};

struct quota_account {
	struct map_node node;
	struct quotas *quotas;
	struct mailbox_name mailbox;
	struct quota_domain *domain; /* NULL: has no limit */
	unsigned holds;              /* under the mutex of quotas */

	pthread_mutex_t mutex;
	struct quota_limits limits;
	struct quota_amount reserved;
	unsigned percent;
};

struct quotas {
	int root;
	struct index *index;
	struct quota_conf conf;
	pthread_mutex_t mutex;
	struct map accounts, domains;
	/* How many files got other limits since then (clock_ms()). */
	int64_t limits_since;
	unsigned n_limits;
	int64_t warned_at;
};

struct quotas *
quotas_new(int root, struct index *index, const struct quota_conf *conf)
{
	struct quotas *q = mem_new(struct quotas);

	q->root = root;
	q->index = index;
	q->conf = *conf;
	pthread_mutex_init(&q->mutex, NULL);
	return q;
}

static void
free_domain(void *ctx, struct map_node *node)
{
	struct quota_domain *d = (struct quota_domain *)node;

	map_remove(ctx, node);
	quota_domain_free(&d);
}

void
quotas_free(struct quotas **quotas)
{
	struct quotas *q = *quotas;

	if (q == NULL)
		return;
	map_each(&q->domains, free_domain, &q->domains);
	map_clear(&q->domains);
	map_clear(&q->accounts);
	pthread_mutex_destroy(&q->mutex);
	mem_free(q);
	*quotas = NULL;
}

/* Accounts. */

static bool
has_limit(const struct maildirsize_limits *limits)
{
	return limits->bytes > 0 || limits->messages > 0;
}

static bool
is_account(const struct map_node *node, const void *key)
{
	const struct quota_account *a = (const struct quota_account *)node;

	return strcmp(a->mailbox.path, key) == 0;
}

static bool
is_domain(const struct map_node *node, const void *key)
{
	return strcmp(((const struct quota_domain *)node)->name, key) == 0;
}

/* "example.org", of a path that begins with it. */
static struct quota_domain *
find_domain(struct quotas *q, const struct mailbox_name *mailbox)
{
	struct str rest = str(mailbox->path), name = str_cut(&rest, '/');
	uint64_t hash = str_hash(name);
	char text[MAILBOX_NAME_SIZE];
	struct quota_domain *d;

	if (!str_copy(name, text, sizeof text))
		die_bug("a mailbox name without a domain");
	d = (struct quota_domain *)map_find(&q->domains, hash, is_domain, text);
	if (d == NULL) {
		d = quota_domain_new(q->index, text);
		map_add(&q->domains, &d->node, hash);
	}
	return d;
}

static struct quota_account *
new_account(struct quotas *q, const struct mailbox_name *mailbox, uint64_t hash)
{
	struct quota_account *a = mem_new(struct quota_account);

	a->quotas = q;
	a->mailbox = *mailbox;
	pthread_mutex_init(&a->mutex, NULL);
	map_add(&q->accounts, &a->node, hash);
	return a;
}

/* With the mutex; a hold. */
static struct quota_account *
find_account(struct quotas *q, const struct mailbox_name *mailbox)
{
	uint64_t hash = str_hash(str(mailbox->path));
	struct quota_account *a = (struct quota_account *)map_find(
	    &q->accounts, hash, is_account, mailbox->path);

	if (a == NULL)
		a = new_account(q, mailbox, hash);
	a->holds++;
	return a;
}

struct quota_account *
quota_open(struct quotas *q, const struct mailbox_name *mailbox,
    const struct quota_limits *limits)
{
	struct quota_account *a;

	if (!has_limit(&limits->user) && !has_limit(&limits->domain))
		return NULL;
	pthread_mutex_lock(&q->mutex);
	a = find_account(q, mailbox);
	if (a->domain == NULL && has_limit(&limits->domain))
		a->domain = find_domain(q, mailbox);
	pthread_mutex_unlock(&q->mutex);
	pthread_mutex_lock(&a->mutex);
	a->limits = *limits;
	pthread_mutex_unlock(&a->mutex);
	return a;
}

struct quota_account *
quota_hold(struct quota_account *a)
{
	pthread_mutex_lock(&a->quotas->mutex);
	a->holds++;
	pthread_mutex_unlock(&a->quotas->mutex);
	return a;
}

void
quota_close(struct quota_account **account)
{
	struct quota_account *a = *account;
	struct quotas *q;
	bool is_last;

	if (a == NULL)
		return;
	q = a->quotas;
	pthread_mutex_lock(&q->mutex);
	is_last = --a->holds == 0;
	if (is_last)
		map_remove(&q->accounts, &a->node);
	pthread_mutex_unlock(&q->mutex);
	if (is_last) {
		pthread_mutex_destroy(&a->mutex);
		mem_free(a);
	}
	*account = NULL;
}

const struct mailbox_name *
quota_mailbox(const struct quota_account *a)
{
	return &a->mailbox;
}

/* What goes wrong with one mailbox may do so with all: a line a minute. */
static void
warn(struct quota_account *a, const struct fault *f)
{
	struct quotas *q = a->quotas;
	bool is_due;

	pthread_mutex_lock(&q->mutex);
	is_due = q->warned_at == 0 || clock_ms() - q->warned_at > WARN_MS;
	if (is_due)
		q->warned_at = clock_ms();
	pthread_mutex_unlock(&q->mutex);
	if (is_due)
		log_warn(NULL, "quota not known", "mailbox", a->mailbox.text,
		    "reason", f->text, NULL);
}

/* A mailbox. With its mutex. */

static bool
may_rewrite_limits(struct quotas *q)
{
	int64_t now = clock_ms();
	bool may;

	pthread_mutex_lock(&q->mutex);
	if (now - q->limits_since > LIMITS_MS) {
		q->limits_since = now;
		q->n_limits = 0;
	}
	may = q->n_limits < LIMITS_MAX;
	q->n_limits += may;
	pthread_mutex_unlock(&q->mutex);
	return may;
}

static bool
is_same(const struct maildirsize_limits *a, const struct maildirsize_limits *b)
{
	return a->bytes == b->bytes && a->messages == b->messages;
}

static int
recount(
    struct quota_account *a, int box, struct maildirsize *s, struct fault *f)
{
	int rc;

	loop_blocking_begin();
	rc = maildirsize_recount(box, &a->limits.user, s, f);
	loop_blocking_end();
	return rc;
}

/* What is in the file, or the truth where the file is not to be relied on: what
 * says that a message has no place is not believed when it is old, or was added
 * up from many lines. */
static int
read_size(struct quota_account *a, int box, uint64_t size,
    struct maildirsize *s, struct fault *f)
{
	const struct maildirsize_limits *limits = &a->limits.user;
	int rc = maildirsize_read(box, s, f);

	if (rc < 0)
		return -1;
	if (rc == 0 ||
	    (!is_same(&s->limits, limits) && may_rewrite_limits(a->quotas)))
		return recount(a, box, s, f);
	if (quota_room_is_over(limits, s->bytes, s->messages, size) &&
	    (s->lines > 1 || time(NULL) - s->changed > MAILDIRSIZE_OLD))
		return recount(a, box, s, f);
	return 0;
}

/* 0 with what is used, nothing where there is no mailbox yet. */
static int
get_size(struct quota_account *a, uint64_t size, bool anew,
    struct maildirsize *s, struct fault *f)
{
	int box = openat(a->quotas->root, a->mailbox.path, OPEN_DIR), rc;

	memset(s, 0, sizeof *s);
	if (box < 0)
		return 0;
	rc = anew ? recount(a, box, s, f) : read_size(a, box, size, s, f);
	close(box);
	return rc;
}

static unsigned
percent_of(uint64_t used, uint64_t limit)
{
	if (limit == 0)
		return 0;
	if (used >= limit)
		return 100;
	return (unsigned)(limit > UINT64_MAX / 128 ? used / (limit / 100)
						   : used * 100 / limit);
}

static unsigned
percent(
    const struct maildirsize_limits *limits, uint64_t bytes, uint64_t messages)
{
	unsigned b = percent_of(bytes, limits->bytes);
	unsigned m = percent_of(messages, limits->messages);

	return b > m ? b : m;
}

static int
check_user(struct quota_account *a, uint64_t size, struct fault *f)
{
	static const char what[] = "the mailbox";
	struct maildirsize_limits limits = a->limits.user;
	uint64_t grace = a->quotas->conf.grace;
	struct maildirsize s;
	struct fault g;

	if (!has_limit(&limits))
		return 0;
	if (limits.bytes > 0 && size > limits.bytes + grace)
		return quota_room_too_large(what, f);
	if (get_size(a, size, false, &s, &g) < 0) {
		warn(a, &g);
		return 0;
	}
	s.bytes += a->reserved.bytes;
	s.messages += a->reserved.messages;
	/* Only one that has room yet may pass the limit. */
	if (limits.bytes > 0 && s.bytes < limits.bytes)
		limits.bytes += grace;
	if (quota_room_is_over(&limits, s.bytes, s.messages, size))
		return quota_room_full(a->quotas->conf.permanent, what, f);
	a->percent = percent(&a->limits.user, s.bytes + size, s.messages + 1);
	return 0;
}

/* A domain. */

static int
check_domain(
    struct quota_account *a, uint64_t size, bool reserve, struct fault *f)
{
	struct quota_question question = {
	    .size = size,
	    .reserve = reserve,
	    .permanent = a->quotas->conf.permanent,
	};
	struct fault trouble = {.text = ""};
	int rc;

	if (a->domain == NULL)
		return 0;
	pthread_mutex_lock(&a->mutex);
	question.limits = a->limits.domain;
	pthread_mutex_unlock(&a->mutex);
	rc = quota_domain_ask(a->domain, &question, &trouble, f);
	if (trouble.text[0] != '\0')
		warn(a, &trouble);
	return rc;
}

static void
leave_domain(struct quota_account *a, uint64_t size, bool indexed)
{
	if (a->domain != NULL)
		quota_domain_leave(a->domain, size, indexed);
}

/* Decisions. */

int
quota_check(struct quota_account *a, uint64_t size, struct fault *f)
{
	int rc;

	pthread_mutex_lock(&a->mutex);
	rc = check_user(a, size > 0 ? size : 1, f);
	pthread_mutex_unlock(&a->mutex);
	return rc < 0 ? -1 : check_domain(a, size > 0 ? size : 1, false, f);
}

int
quota_reserve(struct quota_account *a, uint64_t size, struct fault *f)
{
	int rc;

	pthread_mutex_lock(&a->mutex);
	rc = check_user(a, size, f);
	if (rc == 0) {
		a->reserved.bytes += size;
		a->reserved.messages++;
	}
	pthread_mutex_unlock(&a->mutex);
	if (rc < 0)
		return -1;
	rc = check_domain(a, size, true, f);
	if (rc == 0)
		return 0;
	pthread_mutex_lock(&a->mutex);
	a->reserved.bytes -= size;
	a->reserved.messages--;
	pthread_mutex_unlock(&a->mutex);
	return rc;
}

void
quota_claim(struct quota_account *a, uint64_t size)
{
	pthread_mutex_lock(&a->mutex);
	a->reserved.bytes += size;
	a->reserved.messages++;
	pthread_mutex_unlock(&a->mutex);
	if (a->domain != NULL)
		quota_domain_claim(a->domain, size);
}

void
quota_release(struct quota_account *a, uint64_t size)
{
	pthread_mutex_lock(&a->mutex);
	a->reserved.bytes -= size;
	a->reserved.messages--;
	pthread_mutex_unlock(&a->mutex);
	leave_domain(a, size, false);
}

static void
note(int root, const struct box *box, int64_t bytes, int64_t messages)
{
	int dir;

	if (!maildirsize_counts(str(box->folder.dir), (struct str){0}))
		return;
	if (box->folder.dir[0] == '\0') {
		maildirsize_add(box->dir, bytes, messages);
		return;
	}
	dir = openat(root, box->mailbox.path, OPEN_DIR);
	if (dir < 0)
		return;
	maildirsize_add(dir, bytes, messages);
	close(dir);
}

void
quota_begin_place(struct quota_account *a)
{
	if (a != NULL)
		pthread_mutex_lock(&a->mutex);
}

void
quota_end_place(struct quota_account *a, int root, const struct box *box,
    uint64_t size, bool placed)
{
	if (placed)
		note(root, box, (int64_t)size, 1);
	if (a == NULL)
		return;
	a->reserved.bytes -= size;
	a->reserved.messages--;
	pthread_mutex_unlock(&a->mutex);
	if (!placed)
		leave_domain(a, size, false);
}

void
quota_take_back(
    struct quota_account *a, int root, const struct box *box, uint64_t size)
{
	note(root, box, -(int64_t)size, -1);
	if (a != NULL)
		leave_domain(a, size, false);
}

void
quota_indexed(struct quota_account *a, uint64_t size)
{
	leave_domain(a, size, true);
}

/* Questions. */

static int
tell(struct quota_account *a, bool anew, struct quota_usage *usage,
    struct fault *f)
{
	struct maildirsize s;
	int rc;

	pthread_mutex_lock(&a->mutex);
	rc = get_size(a, 1, anew, &s, f);
	*usage = (struct quota_usage){
	    .limits = a->limits.user,
	    .bytes = s.bytes,
	    .messages = s.messages,
	    .percent = percent(&a->limits.user, s.bytes, s.messages),
	};
	pthread_mutex_unlock(&a->mutex);
	return rc;
}

int
quota_usage(struct quota_account *a, struct quota_usage *usage, struct fault *f)
{
	return tell(a, false, usage, f);
}

int
quota_recount(
    struct quota_account *a, struct quota_usage *usage, struct fault *f)
{
	return tell(a, true, usage, f);
}

/* With the account's mutex. */
static int
mend(const struct quota_account *a, int box, struct fault *f)
{
	struct maildirsize file, truth;
	int rc = maildirsize_read(box, &file, f);

	if (rc < 0 || maildirsize_count(box, &truth, f) < 0)
		return -1;
	if (rc > 0 && file.bytes == truth.bytes &&
	    file.messages == truth.messages)
		return 0;
	/* The directory's, while somebody delivers. */
	if (rc == 0 || has_limit(&a->limits.user))
		file.limits = a->limits.user;
	return maildirsize_recount(box, &file.limits, &truth, f) < 0 ? -1 : 1;
}

int
quota_mend(
    struct quotas *q, const struct mailbox_name *mailbox, struct fault *f)
{
	int box = openat(q->root, mailbox->path, OPEN_DIR), rc = 0;
	struct quota_account *a;

	if (box < 0)
		return 0;
	if (faccessat(box, "maildirsize", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		pthread_mutex_lock(&q->mutex);
		a = find_account(q, mailbox);
		pthread_mutex_unlock(&q->mutex);
		pthread_mutex_lock(&a->mutex);
		rc = mend(a, box, f);
		pthread_mutex_unlock(&a->mutex);
		quota_close(&a);
	}
	close(box);
	return rc;
}

unsigned
quota_percent(const struct quota_account *a)
{
	return a->percent;
}
