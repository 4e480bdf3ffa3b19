/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "lmtp/warning.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/size.h"
#include "proto/ident.h"
#include "proto/letter.h"
#include "proto/mime.h"
#include "store/delivery.h"
#include "store/quota_level.h"

enum { TEXT_MAX = 128 << 10 };

static const char *const names[] = {
    "hostname", "postmaster", "mailbox", "percent", "usage", NULL};

static const char subject[] = "Your mailbox is {percent} % full";
static const char text[] =
    "This is the mail system at {hostname}.\n"
    "\n"
    "Your mailbox {mailbox} is {percent} % full:\n"
    "\n"
    "    {usage}\n"
    "\n"
    "When it is full, no more mail can be delivered to you. Please delete what\n"
    "you no longer need, and empty the trash.\n"
    "\n"
    "If you need more room, write to {postmaster}.\n";

struct warnings {
	const char *hostname;
	struct letter *letter;
	unsigned levels[WARNING_LEVELS_MAX]; /* ascending */
	size_t n_levels;
	pthread_mutex_t mutex; /* over one warning */
};

bool
warning_levels_parse(const struct conf_list *list,
    unsigned levels[WARNING_LEVELS_MAX], size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < list->n; i++) {
		uint64_t level;
		size_t at = *n;

		if (at == WARNING_LEVELS_MAX ||
		    !str_to_u64(str(list->items[i]), 1, 100, &level))
			return false;
		for (; at > 0 && levels[at - 1] > level; at--)
			levels[at] = levels[at - 1];
		levels[at] = (unsigned)level;
		(*n)++;
	}
	return true;
}

struct warnings *
warnings_new(const struct warnings_conf *conf, struct fault *f)
{
	struct warnings *w = mem_new(struct warnings);

	w->hostname = conf->hostname;
	if (!warning_levels_parse(conf->levels, w->levels, &w->n_levels))
		die_bug("levels that were not checked");
	w->letter = letter_new(subject, text, names);
	pthread_mutex_init(&w->mutex, NULL);
	if (conf->templates != NULL &&
	    letter_load(w->letter, conf->templates, "quota", f) < 0)
		warnings_free(&w);
	return w;
}

void
warnings_free(struct warnings **warnings)
{
	struct warnings *w = *warnings;

	if (w == NULL)
		return;
	letter_free(&w->letter);
	pthread_mutex_destroy(&w->mutex);
	mem_free(w);
	*warnings = NULL;
}

/* The message. */

/* "1.9 GiB of 2.0 GiB, 12 of 1000 messages" */
static void
put_usage(struct buf *b, const struct quota_usage *u)
{
	if (u->limits.bytes > 0) {
		size_put(b, u->bytes);
		buf_puts(b, " of ");
		size_put(b, u->limits.bytes);
	}
	if (u->limits.bytes > 0 && u->limits.messages > 0)
		buf_puts(b, ", ");
	if (u->limits.messages > 0)
		buf_putf(b, "%llu of %llu messages",
		    (unsigned long long)u->messages,
		    (unsigned long long)u->limits.messages);
}

static void
put_head(struct buf *b, const struct warnings *w,
    const struct mailbox_name *mailbox, struct str its_subject)
{
	struct str language = letter_language(w->letter);
	char date[CLOCK_DATE_SIZE];
	struct ident id;

	ident_make(&id);
	clock_format_date(time(NULL), date);
	buf_puts(b, "Return-Path: <>\r\n");
	buf_putf(b, "Date: %s\r\n", date);
	buf_putf(b, "From: Mail System <postmaster@%s>\r\n", w->hostname);
	buf_putf(b, "To: <%s>\r\nSubject: ", mailbox->text);
	mime_put_words(b, its_subject, sizeof "Subject: " - 1);
	buf_putf(b, "\r\nMessage-ID: <%s@%s>\r\n", id.text, w->hostname);
	buf_puts(b, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		    "Content-Type: text/plain; charset=utf-8\r\n");
	if (language.len > 0)
		buf_putf(b, "Content-Language: %.*s\r\n", STR_ARG(language));
	buf_puts(b, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
}

static void
put_message(struct buf *b, const struct warnings *w,
    const struct mailbox_name *mailbox, const struct quota_usage *usage)
{
	struct buf postmaster, percent, used, filled;

	buf_init(&postmaster, 500);
	buf_init(&percent, 16);
	buf_init(&used, 200);
	buf_init(&filled, TEXT_MAX / 4);
	buf_putf(&postmaster, "postmaster@%s", w->hostname);
	buf_putf(&percent, "%u", usage->percent);
	put_usage(&used, usage);

	/* In the order of names. */
	const struct str values[] = {str(w->hostname), buf_str(&postmaster),
	    str(mailbox->text), buf_str(&percent), buf_str(&used)};

	letter_put_subject(w->letter, values, &filled);
	put_head(b, w, mailbox, buf_str(&filled));
	buf_reset(&filled);
	letter_put_text(w->letter, values, &filled);
	mime_put_quoted_printable(b, buf_str(&filled));
	buf_clear(&postmaster);
	buf_clear(&percent);
	buf_clear(&used);
	buf_clear(&filled);
}

/* Into the mailbox. */

static void
tell_done(void *ctx)
{
	sem_post(ctx);
}

static int
commit(struct delivery *d, struct fault *f)
{
	struct delivery_outcome outcome = {.fault.text = ""};
	sem_t done;

	sem_init(&done, 0, 0);
	loop_blocking_begin();
	if (!delivery_commit(d, tell_done, &done))
		while (sem_wait(&done) < 0)
			continue;
	loop_blocking_end();
	sem_destroy(&done);
	delivery_finish(d, &outcome);
	*f = outcome.fault;
	return outcome.result == DELIVERY_FAILED ? -1 : 0;
}

static int
deliver(struct store *store, struct quota_account *account, struct str message,
    struct fault *f)
{
	struct delivery *d = delivery_new(store, (struct str){0}, false);
	size_t slot;
	int rc = -1;

	if (delivery_add(
		d, quota_mailbox(account), (struct str){0}, &slot, f) == 0) {
		delivery_exempt(d, slot, quota_hold(account));
		if (delivery_write(d, message, f) == 0)
			rc = commit(d, f);
	}
	delivery_free(&d);
	return rc;
}

static int
send(struct warnings *w, struct store *store, struct quota_account *account,
    struct fault *f)
{
	const struct mailbox_name *mailbox = quota_mailbox(account);
	struct quota_usage usage;
	struct buf message;
	int rc;

	if (quota_usage(account, &usage, f) < 0)
		return -1;
	buf_init(&message, TEXT_MAX);
	put_message(&message, w, mailbox, &usage);
	rc = deliver(store, account, buf_str(&message), f);
	buf_clear(&message);
	return rc;
}

/* The highest that is reached. */
static unsigned
level_of(const struct warnings *w, unsigned percent)
{
	unsigned level = 0;

	for (size_t i = 0; i < w->n_levels && w->levels[i] <= percent; i++)
		level = w->levels[i];
	return level;
}

/* With the mutex: nobody else tells the same. */
static int
look(struct warnings *w, struct store *store, struct quota_account *account,
    unsigned level, struct fault *f)
{
	const struct mailbox_name *mailbox = quota_mailbox(account);
	int root = store_root(store);
	unsigned told = quota_level_get(root, mailbox);

	if (told == level)
		return 0;
	if (level > told) {
		if (send(w, store, account, f) < 0)
			return -1;
		log_info(NULL, "quota warning", "mailbox", mailbox->text,
		    "percent", LOG_NUM(level), NULL);
	}
	return quota_level_put(root, mailbox, level, f);
}

void
warnings_look(
    struct warnings *w, struct store *store, struct quota_account *account)
{
	const struct mailbox_name *mailbox = quota_mailbox(account);
	unsigned level = level_of(w, quota_percent(account));
	struct fault f;
	int rc;

	if (w->n_levels == 0 ||
	    quota_level_get(store_root(store), mailbox) == level)
		return;
	loop_blocking_begin();
	pthread_mutex_lock(&w->mutex);
	loop_blocking_end();
	rc = look(w, store, account, level, &f);
	pthread_mutex_unlock(&w->mutex);
	if (rc < 0)
		log_warn(NULL, "no quota warning", "mailbox", mailbox->text,
		    "reason", f.text, NULL);
}
