/* SPDX-License-Identifier: ISC */
/* Reaching an owner. All races between the two ways are settled by the lock:
 * whoever has it owns the place, and the others come back to its socket. */
#include "config.h"

#include "admin/call.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/directory.h"
#include "auth/directory_audit.h"
#include "auth/options.h"
#include "base/clock.h"
#include "base/control.h"
#include "base/db.h"
#include "base/mem.h"
#include "base/options.h"
#include "lmtp/options.h"
#include "mta/queue/methods.h"
#include "mta/queue/queue.h"
#include "store/store.h"

enum {
	ANSWER_MS = 10000, /* for an owner to show that it lives */
	WAIT_MS = 10000,   /* for one that comes or goes */
	POLL_MS = 20,
};

struct call {
	struct conf *conf;
	struct place place;
	enum place_owner owner;
	uid_t caller; /* who this process was at its start */
	/* Where the daemon is down: what was opened, and its methods. */
	const struct control_method *methods;
	struct directory *directory;
	struct store *store;
	struct queue_admin queue;
	void *ctx;
};

/* Nobody is behind the socket. */
static bool
is_down(const struct fault *f)
{
	return strcmp(f->dsn, "4.4.1") == 0;
}

/* Somebody is, but hung up or kept silent. */
static bool
is_broken(const struct fault *f)
{
	return strcmp(f->dsn, "4.4.2") == 0;
}

static bool
is_owned(const struct fault *f)
{
	return strcmp(f->dsn, "4.3.2") == 0;
}

static int
fail_silent(const struct call *call, struct fault *f)
{
	const struct place *p = &call->place;

	return fault_temp(f, "4.3.2",
	    "a process that does not answer at %s holds %s/lock; if it is "
	    "%s and stays silent, stop it and try again",
	    p->control, p->dir, p->program);
}

/* 1: the daemon answers; 0: it is down, or just goes. */
static int
ask_daemon(const struct call *call, struct fault *f)
{
	int64_t deadline = clock_ms() + ANSWER_MS;
	json_t *answer = control_request_within(
	    call->place.control, "version", NULL, ANSWER_MS, f);

	if (answer != NULL) {
		json_free(&answer);
		return 1;
	}
	if (!is_down(f) && !is_broken(f))
		return -1;
	/* Who hangs up ends; who is silent for so long is stuck. */
	if (clock_ms() >= deadline && db_env_is_owned(call->place.dir))
		return fail_silent(call, f);
	return 0;
}

static int
open_directory(struct call *call, struct fault *f)
{
	const struct directory_conf conf = authd_directory_conf(
	    conf_get(call->conf, &authd_table), call->place.dir);

	call->directory = directory_open(&conf, f);
	if (call->directory == NULL)
		return -1;
	directory_set_caller(call->directory, call->caller);
	directory_set_forms(call->directory,
	    authd_options_forms(conf_get(call->conf, &authd_table)));
	call->methods = directory_methods;
	call->ctx = call->directory;
	return 0;
}

static int
open_store(struct call *call, struct fault *f)
{
	const struct common_options *common =
	    conf_get(call->conf, &common_table);
	const struct lmtpd_options *o = conf_get(call->conf, &lmtpd_table);
	const struct store_conf conf = {
	    .root = call->place.root,
	    .index_dir = call->place.dir,
	    .hostname =
		common->hostname != NULL ? common->hostname : "localhost",
	    .commit = (enum store_commit)o->commit,
	    .index_cache = o->index_cache,
	};

	call->store = store_open(&conf, f);
	if (call->store == NULL)
		return -1;
	store_set_caller(call->store, call->caller);
	call->methods = store_methods;
	call->ctx = call->store;
	return 0;
}

static int
open_queue(struct call *call, struct fault *f)
{
	const struct queue_conf conf = {.dir = call->place.dir};

	call->queue.queue = queue_open(&conf, f);
	if (call->queue.queue == NULL)
		return -1;
	call->methods = queue_methods;
	call->ctx = &call->queue;
	return 0;
}

static int
open_place(struct call *call, struct fault *f)
{
	switch (call->owner) {
	case PLACE_AUTHD:
		return open_directory(call, f);
	case PLACE_LMTPD:
		return open_store(call, f);
	case PLACE_QUEUED:
		return open_queue(call, f);
	case PLACE_OWNERS:
		break;
	}
	die_bug("no owner %d", (int)call->owner);
}

/* Becoming the user comes before anything is made. */
static int
take_place(struct call *call, struct fault *f)
{
	if (place_prepare(call->conf, &call->place, f) < 0 ||
	    place_become_user(&call->place, f) < 0)
		return -1;
	return open_place(call, f);
}

static int
reach(struct call *call, struct fault *f)
{
	static const struct timespec poll = {.tv_nsec = POLL_MS * 1000000};
	int64_t deadline = clock_ms() + WAIT_MS;
	int rc = ask_daemon(call, f);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = take_place(call, f);
	while (rc < 0 && is_owned(f) && clock_ms() < deadline) {
		nanosleep(&poll, NULL);
		rc = ask_daemon(call, f);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		rc = open_place(call, f);
	}
	if (rc < 0 && is_owned(f))
		return fail_silent(call, f);
	return rc;
}

struct call *
call_open(const char *conf_file, enum place_owner owner, struct fault *f)
{
	struct call *call = mem_new(struct call);

	call->owner = owner;
	call->caller = getuid();
	call->conf = place_read_conf(conf_file, false, f);
	if (call->conf == NULL ||
	    place_of(call->conf, owner, &call->place, f) < 0 ||
	    reach(call, f) < 0)
		call_close(&call);
	return call;
}

struct call *
call_open_alone(
    const char *conf_file, struct directory_conf *conf, struct fault *f)
{
	struct call *call = mem_new(struct call);

	call->owner = PLACE_AUTHD;
	call->conf = place_read_conf(conf_file, false, f);
	if (call->conf == NULL ||
	    place_of(call->conf, PLACE_AUTHD, &call->place, f) < 0 ||
	    place_prepare(call->conf, &call->place, f) < 0 ||
	    place_become_user(&call->place, f) < 0)
		call_close(&call);
	else
		*conf = authd_directory_conf(
		    conf_get(call->conf, &authd_table), call->place.dir);
	return call;
}

void
call_close(struct call **call)
{
	struct call *c = *call;

	if (c == NULL)
		return;
	if (c->directory != NULL)
		directory_close(&c->directory);
	if (c->store != NULL)
		store_close(&c->store);
	if (c->queue.queue != NULL)
		queue_close(&c->queue.queue);
	if (c->conf != NULL)
		conf_free(&c->conf);
	mem_free(c);
	*call = NULL;
}

/* By the code that the daemon would run. */
static json_t *
call_directly(const struct call *call, const char *method, const json_t *params,
    struct fault *f)
{
	json_t *none = NULL, *result = NULL;

	if (params == NULL)
		params = none = json_new_object();
	for (const struct control_method *m = call->methods; m->name != NULL;
	     m++) {
		if (strcmp(m->name, method) == 0) {
			result = m->call(call->ctx, params, f);
			break;
		}
		if (m[1].name == NULL)
			fault_perm(
			    f, "5.5.1", "there is no method \"%s\"", method);
	}
	if (none != NULL)
		json_free(&none);
	return result;
}

/* What changes nothing may be asked twice. */
static bool
only_reads(const char *method)
{
	return str_ends(str(method), STR_LIT(".digests")) ||
	       str_ends(str(method), STR_LIT(".list")) ||
	       str_ends(str(method), STR_LIT(".names")) ||
	       str_ends(str(method), STR_LIT(".stat")) ||
	       str_ends(str(method), STR_LIT(".verify"));
}

/* Asks the daemon; where it has just gone, finds out who owns the place now.
 * 1: so ask again. */
static int
ask_owner(struct call *call, const char *method, const json_t *params,
    json_t **result, struct fault *f)
{
	*result = control_request(call->place.control, method, params, f);
	if (*result != NULL)
		return 0;
	/* Whom nobody could hear has done nothing. */
	if (is_down(f) || (is_broken(f) && only_reads(method)))
		return reach(call, f) < 0 ? -1 : 1;
	if (is_broken(f))
		fault_temp(f, "4.4.2",
		    "%s hung up; it may have done what was asked: look, or "
		    "try again",
		    call->place.program);
	return -1;
}

json_t *
call_method(struct call *call, const char *method, const json_t *params,
    struct fault *f)
{
	json_t *result = NULL;
	int again = 1;

	while (again == 1 && call->methods == NULL)
		again = ask_owner(call, method, params, &result, f);
	return again == 1 ? call_directly(call, method, params, f) : result;
}

int
call_once(const struct cmd_line *line, enum place_owner owner,
    const char *method, json_t *params, json_t **result, struct fault *f)
{
	struct call *call = call_open(line->file, owner, f);
	json_t *answer = NULL;
	int rc = -1;

	if (call != NULL)
		answer = call_method(call, method, params, f);
	if (answer != NULL)
		rc = 0;
	if (result != NULL)
		*result = answer;
	else if (answer != NULL)
		json_free(&answer);
	if (params != NULL)
		json_free(&params);
	call_close(&call);
	return rc;
}

int
call_set(const struct cmd_line *line, const char *method, json_t *params, int n,
    struct fault *f)
{
	if (n > 0)
		return call_once(line, PLACE_AUTHD, method, params, NULL, f);
	if (n == 0)
		fault_perm(f, "5.5.4", "nothing to change is given");
	json_free(&params);
	return -1;
}
