/* SPDX-License-Identifier: ISC */
/*
 * posthouse user move: a mailbox goes to another store node.
 *
 * The copying is rsync's: it keeps flags, times, and what IMAP servers keep in
 * a Maildir, so that clients notice nothing, and what it has copied once it does
 * not copy again. So most is copied while mail flows, and what has changed
 * meanwhile while mail for this one user waits in the queue:
 *
 *   copy - hold - wait for deliveries that had begun - copy - switch - aside
 *
 * Whatever ends it, until the switch the old mailbox is whole and in use again
 * as soon as the hold is taken off, and the same command again goes on.
 */
#include "config.h"

#include "admin/cmd_user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "admin/place.h"
#include "admin/progress.h"
#include "auth/options.h"
#include "base/control.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/options.h"
#include "lmtp/options.h"
#include "proto/address.h"
#include "store/mailbox.h"

enum { SETTLE_MS = 90000, PATH_SIZE = PLACE_PATH_SIZE + MAILBOX_NAME_SIZE + 2 };

struct move {
	struct cmd_line *line;
	const char *node; /* "": the one without a name */
	const char *to;
	struct place authd, lmtpd;
	const char *own; /* the node that we are */
	struct mailbox_name mailbox;
	char from[PATH_SIZE];
	bool holds; /* mail for the user waits because of us */
};

static void
say(const struct move *m, const char *what)
{
	fprintf(stderr, "%s: %s\n", m->mailbox.text, what);
}

/* A method of authd, which must be there: its directory is asked by those whose
 * mail is on its way. Takes params. */
static json_t *
ask_authd(
    const struct move *m, const char *method, json_t *params, struct fault *f)
{
	json_t *result;

	json_put_text(params, "user", m->mailbox.text);
	result = control_request(m->authd.control, method, params, f);
	json_free(&params);
	return result;
}

static int
change(const struct move *m, json_t *params, struct fault *f)
{
	json_t *result = ask_authd(m, "user.set", params, f);

	if (result == NULL)
		return -1;
	json_free(&result);
	return 0;
}

static int
hold(struct move *m, bool on, struct fault *f)
{
	json_t *params = json_new_object();

	json_put_bool(params, "moving", on);
	if (change(m, params, f) < 0)
		return -1;
	m->holds = on;
	return 0;
}

/* What lmtpd has begun to deliver ends; one that is down delivers nothing. */
static int
settle(const struct move *m, struct fault *f)
{
	json_t *params = json_new_object(), *result;

	json_put_text(params, "mailbox", m->mailbox.text);
	result = control_request_within(
	    m->lmtpd.control, "mailbox.settle", params, SETTLE_MS, f);
	json_free(&params);
	if (result == NULL && strcmp(f->dsn, "4.4.1") != 0)
		return -1;
	json_free(&result);
	return 0;
}

/* Copying. */

static _Noreturn void
run(const char *const *argv)
{
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "posthouse: cannot run %s: %s\n", argv[0],
	    strerror(errno));
	_exit(127);
}

static int
end_of(pid_t pid, struct fault *f)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fault_errno(f, "cannot wait for rsync");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return fault_temp(f, "4.3.0", "rsync was ended by signal %d",
		    WTERMSIG(status));
	return fault_temp(
	    f, "4.3.0", "rsync has failed with status %d", WEXITSTATUS(status));
}

/*
 * The first copy takes what there is, and may miss what is moved meanwhile;
 * the last one leaves nothing there that is not here. rsync says by 24 that
 * files vanished, which in the first is no fault.
 */
static int
copy(const struct move *m, bool last, struct fault *f)
{
	char to[PATH_SIZE];
	const char *const argv[] = {"rsync", "-aH", "--mkpath", "--fsync",
	    "--exclude=/tmp/*", "--exclude=/.*/tmp/*",
	    last ? "--delete-after" : "--ignore-errors", m->from, to, NULL};
	pid_t pid;
	int rc;

	if ((size_t)snprintf(to, sizeof to, "%s/%s/", m->to, m->mailbox.path) >=
	    sizeof to)
		return fault_perm(f, "5.5.4", "--to: too long");
	pid = fork();
	if (pid < 0)
		return fault_errno(f, "cannot fork");
	if (pid == 0)
		run(argv);
	rc = end_of(pid, f);
	return rc < 0 && !last && strstr(f->text, "status 24") != NULL ? 0 : rc;
}

/* Beginning and end. */

static int
read_place(struct move *m, const struct conf *conf, struct fault *f)
{
	const struct lmtpd_options *o = conf_get(conf, &lmtpd_table);

	if (place_of(conf, PLACE_AUTHD, &m->authd, f) < 0 ||
	    place_of(conf, PLACE_LMTPD, &m->lmtpd, f) < 0)
		return -1;
	m->own = o->node;
	if (m->node[0] != '\0' &&
	    authd_options_node(conf_get(conf, &authd_table), m->node) == NULL)
		return fault_perm(f, "5.5.4",
		    "the section authd has no node \"%.80s\"", m->node);
	if (m->own == NULL)
		return fault_perm(f, "5.3.5",
		    "this host has no name among the nodes: the option node of "
		    "the section lmtpd");
	if (strcmp(m->own, m->node) == 0)
		return fault_perm(f, "5.5.4",
		    "this host is \"%s\": the command is for the host that "
		    "has the mailbox",
		    m->node);
	return 0;
}

static int
read_mailbox(struct move *m, struct fault *f)
{
	char key[ADDRESS_TEXT_SIZE];
	struct address a;

	if (address_parse(str(m->line->args[0]), &a, f) < 0)
		return -1;
	if (!address_key(&a, key))
		return fault_perm(
		    f, "5.1.3", "%s is no user", m->line->args[0]);
	if (mailbox_name_parse(str(key), &m->mailbox, f) < 0)
		return -1;
	/* The slash tells rsync to copy what is in it. */
	snprintf(
	    m->from, sizeof m->from, "%s/%s/", m->lmtpd.root, m->mailbox.path);
	return 0;
}

/* 1 where the user is to be moved, 0 where all but the end is done. */
static int
find_user(struct move *m, struct fault *f)
{
	json_t *user = ask_authd(m, "user.get", json_new_object(), f);
	const char *node;
	int rc;

	if (user == NULL)
		return -1;
	node = json_get_text(user, "node");
	rc = strcmp(node == NULL ? "" : node, m->node) != 0;
	m->holds = json_get_bool(user, "moving", false);
	json_free(&user);
	return rc;
}

static bool
has_mailbox(const struct move *m)
{
	struct stat st;

	return stat(m->from, &st) == 0;
}

/* The old mailbox is nobody's any more, and stays until somebody removes it. */
static int
put_aside(const struct move *m, struct fault *f)
{
	char to[PATH_SIZE + 64];
	struct str user = str(m->mailbox.path), domain = str_cut(&user, '/');

	snprintf(to, sizeof to, "%s/%.*s/.moved-%.*s-%lld", m->lmtpd.root,
	    STR_ARG(domain), STR_ARG(user), (long long)time(NULL));
	if (rename(m->from, to) < 0)
		return fault_errno(f, "cannot move %s aside", m->from);
	fprintf(m->line->out,
	    "%s is at \"%s\" now. What was here is kept in %s\n",
	    m->mailbox.text, m->node, to);
	return 0;
}

static int
hand_over(struct move *m, struct fault *f)
{
	json_t *params;

	say(m, "mail waits in the queue while the rest is copied");
	if (hold(m, true, f) < 0 || settle(m, f) < 0)
		return -1;
	if (has_mailbox(m) && copy(m, true, f) < 0)
		return -1;
	if (progress_is_interrupted())
		return fault_temp(f, "4.3.0", "interrupted");
	params = json_new_object();
	json_put_text(params, "node", m->node);
	json_put_bool(params, "moving", false);
	if (change(m, params, f) < 0)
		return -1;
	m->holds = false;
	return 0;
}

static int
move(struct move *m, struct fault *f)
{
	int rc = find_user(m, f);

	if (rc < 0)
		return -1;
	if (rc > 0) {
		say(m, "copying");
		if (has_mailbox(m) && copy(m, false, f) < 0)
			return -1;
		if (progress_is_interrupted())
			return fault_temp(f, "4.3.0", "interrupted");
		if (hand_over(m, f) < 0)
			return -1;
	}
	return has_mailbox(m) ? put_aside(m, f) : 0;
}

/* The user is where he was: mail flows again. */
static void
let_go(struct move *m)
{
	struct fault f;

	if (m->holds && hold(m, false, &f) < 0)
		fprintf(stderr,
		    "posthouse: mail for %s still waits: %s; \"posthouse user "
		    "set %s --moving off\" lets it go\n",
		    m->mailbox.text, f.text, m->mailbox.text);
}

int
cmd_user_move(struct cmd_line *line, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, false, f);
	const char *node = line->args[1];
	struct move m = {
	    .line = line,
	    .node = strcmp(node, "-") == 0 ? "" : node,
	    .to = cmd_option(line, "to"),
	};
	struct progress progress;
	int rc = -1;

	if (conf == NULL)
		return -1;
	if (m.to == NULL || m.to[0] == '\0') {
		fault_perm(f, "5.5.4",
		    "--to: where rsync finds the mailboxes of the other node, "
		    "like host:/var/lib/posthouse/mail");
		goto out;
	}
	if (read_place(&m, conf, f) < 0 || read_mailbox(&m, f) < 0)
		goto out;
	progress_begin(&progress, line, "mailboxes", 1);
	rc = move(&m, f);
	progress_end(&progress);
	if (rc < 0)
		let_go(&m);
out:
	conf_free(&conf);
	return rc;
}
