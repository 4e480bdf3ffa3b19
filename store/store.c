/* SPDX-License-Identifier: ISC */
/* Opening and closing the store: the parts in the order of their needs. */
#include "config.h"

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/box.h"
#include "store/committer.h"
#include "store/index.h"
#include "store/keeper.h"
#include "store/recent.h"
#include "store/store_private.h"

enum {
	BOXES_OPEN = 1000, /* folders, at two descriptors each */
	RECENT_MAX = 1 << 16,
};

static int
open_root(struct store *store, struct fault *f)
{
	const char *root = store->conf.root;
	struct stat st;

	if (mkdir(root, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", root);
	store->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->root < 0 || fstat(store->root, &st) < 0)
		return fault_errno(f, "cannot open %s", root);
	store->dev = st.st_dev;
	store->pid = getpid();
	return 0;
}

static int
open_parts(struct store *store, struct fault *f)
{
	const struct index_attention attention = {
	    .watches = store->conf.watches,
	    .interval_ms = store->conf.look_interval,
	};

	store->index = index_open(
	    store->conf.index_dir, store->conf.index_cache, store->root, f);
	if (store->index == NULL || index_sweep(store->index, f) < 0)
		return -1;
	store->recent =
	    recent_new(RECENT_MAX, index_newest_ident(store->index));
	if (store->conf.look_interval > 0)
		index_attend(store->index, &attention);
	if (index_start(store->index, f) < 0)
		return -1;
	store->boxes = boxes_new(store->root, store->index, BOXES_OPEN);
	store->quotas =
	    quotas_new(store->root, store->index, &store->conf.quota);
	store->committer = committer_new(store->root, f);
	return store->committer == NULL ? -1 : 0;
}

struct store *
store_new(const struct store_conf *conf)
{
	struct store *store = mem_new(struct store);

	store->conf = *conf;
	store->conf.root = mem_dup(conf->root);
	store->conf.index_dir = mem_dup(conf->index_dir);
	store->conf.hostname = mem_dup(conf->hostname);
	store->root = -1;
	store->caller = getuid();
	maildir_host(conf->hostname, store->host);
	return store;
}

int
store_start(struct store *store, struct fault *f)
{
	return open_root(store, f) < 0 || open_parts(store, f) < 0 ? -1 : 0;
}

struct store *
store_open(const struct store_conf *conf, struct fault *f)
{
	struct store *store = store_new(conf);

	if (store_start(store, f) < 0)
		store_close(&store);
	return store;
}

int
store_keep(struct store *store, const struct keeper_conf *conf, struct fault *f)
{
	struct keeper_conf all = *conf;

	all.quotas = store->quotas;
	store->keeper =
	    keeper_new(&all, store->conf.root, store->conf.hostname, f);
	return store->keeper == NULL ? -1 : 0;
}

void
store_set_caller(struct store *store, uid_t uid)
{
	store->caller = uid;
}

static void
free_text(const char *text)
{
	mem_free((void *)(uintptr_t)text);
}

void
store_close(struct store **store)
{
	struct store *s = *store;

	if (s == NULL)
		return;
	keeper_free(&s->keeper);
	committer_free(&s->committer);
	quotas_free(&s->quotas);
	boxes_free(&s->boxes);
	recent_free(&s->recent);
	index_close(&s->index);
	if (s->root >= 0)
		close(s->root);
	free_text(s->conf.root);
	free_text(s->conf.index_dir);
	free_text(s->conf.hostname);
	mem_free(s);
	*store = NULL;
}

int
store_root(const struct store *store)
{
	return store->root;
}

struct quotas *
store_quotas(const struct store *store)
{
	return store->quotas;
}

const struct store_conf *
store_conf(const struct store *store)
{
	return &store->conf;
}
