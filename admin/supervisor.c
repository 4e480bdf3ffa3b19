/* SPDX-License-Identifier: ISC */
/*
 * Starting, watching and stopping daemons.
 *
 * One socket takes the children's READY; the kernel says which process each
 * word comes from. It has a name outside of the file system, so that it leaves
 * nothing behind and a child that has become another user reaches it.
 */
#include "config.h"

#include "admin/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"

enum {
	BACKOFF_MIN_MS = 500,
	BACKOFF_MAX_MS = 60000,
	STEADY_MS = 60000, /* up for so long: the next death is a new story */
	STOP_MS = 45000,   /* a daemon drains for 30 s */
	HASTE_MS = 5000,
	PATH_SIZE = 1024,
};

struct child {
	const char *program;
	pid_t pid; /* 0: is not there */
	bool ready;
	bool was_ready; /* once, at least */
	bool told;      /* to stop */
	int64_t started;
	int64_t start_at; /* not before */
	int64_t backoff;
};

struct supervisor {
	const char *dir;
	const char *conf_file;
	struct child children[SUPERVISOR_CHILDREN_MAX];
	size_t n;
	sigset_t mask; /* as it was before */
	int signals;
	int notify;
	char notify_name[sizeof((struct sockaddr_un *)0)->sun_path + 1];
	bool announced;
	bool stopping;
	bool hasty;
	int64_t kill_at; /* what is told to stop and still there */
	int status;
};

/* Starting. */

static int
open_notify(struct supervisor *s, struct fault *f)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const socklen_t head = offsetof(struct sockaddr_un, sun_path);
	socklen_t len = sizeof un;
	int on = 1;

	s->notify =
	    socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Without a path the kernel picks a free name, which begins with NUL,
	 * written as "@". */
	if (s->notify < 0 ||
	    setsockopt(s->notify, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) <
		0 ||
	    bind(s->notify, (const struct sockaddr *)&un, sizeof(sa_family_t)) <
		0 ||
	    getsockname(s->notify, (struct sockaddr *)&un, &len) < 0)
		return fault_errno(f, "cannot listen for READY");
	memcpy(s->notify_name, un.sun_path, len - head);
	s->notify_name[0] = '@';
	return 0;
}

static int
open_signals(struct supervisor *s, struct fault *f)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &s->mask);
	/* Under nohup(1) it would be thrown away instead of being passed on. */
	(void)signal(SIGHUP, SIG_DFL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? fault_errno(f, "signalfd") : 0;
}

/* In the child: nothing of the supervisor is to be left, and it ends with it. */
static void
become(const struct supervisor *s, const struct child *c, pid_t parent)
{
	char path[PATH_SIZE];
	char *argv[] = {path, (char *)(uintptr_t) "-c",
	    (char *)(uintptr_t)s->conf_file, NULL};
	int null = open("/dev/null", O_RDONLY);

	/* Its own session: ^C is for the supervisor, which tells the others. */
	(void)setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent ||
	    null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    setenv("NOTIFY_SOCKET", s->notify_name, 1) < 0 ||
	    unsetenv("LISTEN_FDS") < 0 || unsetenv("LISTEN_PID") < 0)
		_exit(EX_OSERR);
	close(null);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	snprintf(path, sizeof path, "%s/%s", s->dir, c->program);
	execv(path, argv);
	dprintf(STDERR_FILENO, "posthouse: cannot run %s: %s\n", path,
	    strerror(errno));
	_exit(EX_UNAVAILABLE);
}

static void
delay(struct child *c)
{
	if (c->backoff == 0 ||
	    (c->ready && clock_ms() - c->started > STEADY_MS))
		c->backoff = BACKOFF_MIN_MS;
	c->start_at = clock_ms() + c->backoff;
	c->backoff *= 2;
	if (c->backoff > BACKOFF_MAX_MS)
		c->backoff = BACKOFF_MAX_MS;
}

static void
start(struct supervisor *s, struct child *c)
{
	pid_t parent = getpid();

	c->ready = false;
	c->started = clock_ms();
	c->pid = fork();
	if (c->pid == 0)
		become(s, c, parent);
	if (c->pid < 0) {
		log_error(NULL, "cannot fork", "program", c->program, "reason",
		    strerror(errno), NULL);
		c->pid = 0;
		delay(c);
	}
}

/* Stopping. */

static void
tell(struct supervisor *s, struct child *c)
{
	if (c->pid == 0 || (c->told && !s->hasty))
		return;
	c->told = true;
	s->kill_at = clock_ms() + (s->hasty ? HASTE_MS : STOP_MS);
	(void)kill(c->pid, SIGTERM);
}

/* The last one that is there; all of them where there is no time. */
static void
tell_next(struct supervisor *s)
{
	for (size_t i = s->n; i-- > 0;) {
		if (s->children[i].pid == 0)
			continue;
		tell(s, &s->children[i]);
		if (!s->hasty)
			return;
	}
}

static void
stop(struct supervisor *s, int status)
{
	if (s->stopping) {
		s->hasty = true;
	} else {
		s->stopping = true;
		s->status = status;
		notify_send("STOPPING=1");
		log_info(NULL, "stopping", NULL);
	}
	tell_next(s);
}

static void
kill_late(struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->children[i];

		if (c->pid == 0 || !c->told)
			continue;
		log_warn(NULL, "does not stop and is killed", "program",
		    c->program, "pid", LOG_NUM(c->pid), NULL);
		(void)kill(c->pid, SIGKILL);
	}
	s->kill_at = clock_ms() + HASTE_MS;
}

/* What has happened. */

static bool
all_ready(const struct supervisor *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!s->children[i].was_ready)
			return false;
	return true;
}

static void
on_ready(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->children[i];

		if (c->pid != pid || c->ready)
			continue;
		c->ready = c->was_ready = true;
		log_info(NULL, "ready", "program", c->program, "pid",
		    LOG_NUM(pid), NULL);
	}
	if (s->announced || s->stopping || !all_ready(s, s->n))
		return;
	s->announced = true;
	log_info(NULL, "all daemons are ready", NULL);
	notify_send("READY=1");
}

static pid_t
sender_of(struct msghdr *msg)
{
	struct ucred cred;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&cred, CMSG_DATA(c), sizeof cred);
		return cred.pid;
	}
	return 0;
}

static void
read_notify(struct supervisor *s)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char text[512];

	for (;;) {
		struct iovec iov = {text, sizeof text - 1};
		struct msghdr msg = {.msg_iov = &iov,
		    .msg_iovlen = 1,
		    .msg_control = &control,
		    .msg_controllen = sizeof control};
		ssize_t n = recvmsg(s->notify, &msg, MSG_CMSG_CLOEXEC);

		if (n < 0)
			return;
		text[n] = '\0';
		if (strncmp(text, "READY=1", 7) == 0)
			on_ready(s, sender_of(&msg));
	}
}

static void
on_end(struct supervisor *s, struct child *c, int how)
{
	bool signaled = WIFSIGNALED(how);
	int code = signaled ? WTERMSIG(how) : WEXITSTATUS(how);

	c->pid = 0;
	if (s->stopping) {
		log_info(NULL, "ended", "program", c->program,
		    signaled ? "signal" : "status", LOG_NUM(code), NULL);
		tell_next(s);
		return;
	}
	log_error(NULL, c->was_ready ? "died" : "cannot be started", "program",
	    c->program, signaled ? "signal" : "status", LOG_NUM(code), NULL);
	/* What never worked is the operator's to mend, not ours to repeat, but
	 * for a lock that is held: perhaps by a command. */
	if (!c->was_ready && code != EX_TEMPFAIL) {
		stop(s, signaled || code == 0 ? EX_SOFTWARE : code);
		return;
	}
	delay(c);
	c->ready = false;
}

static void
reap(struct supervisor *s)
{
	pid_t pid;
	int how;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
		for (size_t i = 0; i < s->n; i++)
			if (s->children[i].pid == pid)
				on_end(s, &s->children[i], how);
}

static void
read_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop(s, EX_OK);
		if (info.ssi_signo != SIGHUP)
			continue;
		for (size_t i = 0; i < s->n; i++)
			if (s->children[i].ready)
				(void)kill(s->children[i].pid, SIGHUP);
	}
}

/* The loop. */

static void
start_due(struct supervisor *s)
{
	for (size_t i = 0; i < s->n && !s->stopping; i++) {
		struct child *c = &s->children[i];

		if (!all_ready(s, i))
			return;
		if (c->pid == 0 && c->start_at <= clock_ms())
			start(s, c);
	}
}

static int
wait_ms(const struct supervisor *s)
{
	int64_t now = clock_ms(), until = now + BACKOFF_MAX_MS;

	if (s->stopping)
		until = s->kill_at;
	for (size_t i = 0; i < s->n && !s->stopping; i++)
		if (s->children[i].pid == 0 && all_ready(s, i) &&
		    s->children[i].start_at < until)
			until = s->children[i].start_at;
	return until > now ? (int)(until - now) : 0;
}

static bool
any_left(const struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->children[i].pid != 0)
			return true;
	return false;
}

static void
work(struct supervisor *s)
{
	struct pollfd fds[] = {{s->signals, POLLIN, 0}, {s->notify, POLLIN, 0}};

	while (!s->stopping || any_left(s)) {
		start_due(s);
		(void)poll(fds, ARRAY_LEN(fds), wait_ms(s));
		/* READY first: it may be the last word of one that died. */
		read_notify(s);
		read_signals(s);
		reap(s);
		if (s->stopping && clock_ms() >= s->kill_at)
			kill_late(s);
	}
}

int
supervisor_run(const char *dir, const char *const *programs,
    const char *conf_file, struct fault *f)
{
	struct supervisor s = {
	    .dir = dir, .conf_file = conf_file, .signals = -1, .notify = -1};
	int rc = -1;

	for (; programs[s.n] != NULL && s.n < SUPERVISOR_CHILDREN_MAX; s.n++)
		s.children[s.n].program = programs[s.n];
	if (open_notify(&s, f) < 0 || open_signals(&s, f) < 0)
		goto out;
	work(&s);
	sigprocmask(SIG_SETMASK, &s.mask, NULL);
	rc = s.status;
out:
	if (s.signals >= 0)
		close(s.signals);
	if (s.notify >= 0)
		close(s.notify);
	return rc;
}
