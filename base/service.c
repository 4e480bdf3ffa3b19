/* SPDX-License-Identifier: ISC */
/*
 * The life of a daemon. There is one in a process: the status method, which
 * has no argument of its own, finds it in `self`.
 *
 * Signals and the control socket have a loop of their own, so that the operator
 * gets in, and TERM works, while every worker of the sessions' loop blocks.
 */
#include "config.h"

#include "base/service.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/journal.h"
#include "base/journal_dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/thread.h"

enum {
	OPEN_FILES = 65536, /* what root asks for */
	GRACE_S = 10,       /* past drain_ms, until the process is killed */
	FRONT_THREADS = 16, /* of the operator's loop, at most */
	HOSTNAME_SIZE = 256,
};

/* A unix socket that we made. Its name may be another daemon's by the time
 * that we go: it is known by its inode. */
struct made {
	const char *path; /* NULL: none */
	dev_t dev;
	ino_t ino;
};

struct listening {
	const char *protocol;
	struct net_address address; /* as bound */
	struct made made;
	struct listening *next;
};

struct service {
	struct service_spec spec;
	struct arena arena;
	struct conf *conf;
	struct common_options common;
	char hostname[HOSTNAME_SIZE];
	int64_t started;

	struct loop *loop;
	struct server *server;
	struct loop *front; /* the operator's */
	struct server *controls;
	struct control *control;
	struct control_method *methods;
	struct made made; /* the control socket */
	void (*status)(void *ctx, json_t *object);
	void *status_ctx;
	struct listening *listening, **last;

	struct journal *journal; /* NULL: none */

	struct loop_task signals;
	bool draining;
};

static struct service *self;

/* Start. */

static void
print_usage(FILE *to, const char *program)
{
	fprintf(to,
	    "usage: %s [-c FILE]\n"
	    "  -c FILE  configuration (default: %s/posthouse/posthouse.conf)\n"
	    "  -V       version\n"
	    "  -h       this\n"
	    "See %s(8).\n",
	    program, SYSCONFDIR, program);
}

static const char *
read_arguments(const struct service_spec *spec, int argc, char **argv)
{
	const char *file = SYSCONFDIR "/posthouse/posthouse.conf";
	int c;

	while ((c = getopt(argc, argv, "c:hV")) != -1) {
		switch (c) {
		case 'c':
			file = optarg;
			break;
		case 'h':
			print_usage(stdout, spec->program);
			exit(EX_OK);
		case 'V':
			printf("%s %s\n", spec->program, spec->version);
			exit(EX_OK);
		default:
			print_usage(stderr, spec->program);
			exit(EX_USAGE);
		}
	}
	if (optind < argc) {
		print_usage(stderr, spec->program);
		exit(EX_USAGE);
	}
	return file;
}

static void
read_configuration(struct service *s, const char *file)
{
	const struct conf_table *tables[3] = {&common_table, s->spec.table};
	size_t n = 2;
	struct fault f;

	if (s->spec.wants_tls)
		tables[n++] = &tls_table;
	s->conf = conf_read(file, tables, n, false, &f);
	if (s->conf == NULL)
		die(EX_CONFIG, "%s: %s", s->spec.program, f.text);
	s->common =
	    *(const struct common_options *)conf_get(s->conf, &common_table);
	if (s->common.hostname == NULL) {
		if (gethostname(s->hostname, sizeof s->hostname - 1) < 0)
			die(EX_OSERR, "gethostname: %s", strerror(errno));
		s->common.hostname = s->hostname;
	}
}

static void
raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (geteuid() == 0 && limit.rlim_max < OPEN_FILES)
		limit.rlim_max = OPEN_FILES;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void
make_dir(const struct service *s, const char *path)
{
	/* The umask takes the others' right to pass through. */
	if (mkdir(path, 0755) == 0)
		(void)chmod(path, 0755);
	else if (errno != EEXIST)
		die(EX_CANTCREAT, "%s: cannot make %s: %s", s->spec.program,
		    path, strerror(errno));
}

/* A descriptor 2 that is closed would be the next file that is opened, and log
 * lines would go there. */
static void
open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void
block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

struct service *
service_start(const struct service_spec *spec, int argc, char **argv)
{
	struct service *s = mem_new(struct service);
	sigset_t set;

	self = s;
	s->spec = *spec;
	s->last = &s->listening;
	s->started = clock_ms();
	open_standard_streams();
	signal(SIGPIPE, SIG_IGN);
	block_signals(&set);
	umask(077);
	raise_open_files();
	read_configuration(s, read_arguments(spec, argc, argv));
	log_open(spec->program, (enum log_target)s->common.log_target,
	    (enum log_level)s->common.log_level);
	make_dir(s, s->common.run_dir);
	make_dir(s, s->common.state_dir);
	return s;
}

void
service_set_limits(struct service *service, const struct server_limits *limits,
    const struct loop_limits *loop)
{
	if (service->loop != NULL)
		die_bug("service_set_limits after a listener");
	service->spec.limits = *limits;
	service->spec.loop = *loop;
}

static void
set_up_loop(struct service *s)
{
	static const struct server_limits none;
	static const struct loop_limits few = {.busy = 1, .max = FRONT_THREADS};
	struct fault f;

	if (s->loop != NULL)
		return;
	s->loop = loop_new(&s->spec.loop, &f);
	if (s->loop != NULL)
		s->front = loop_new(&few, &f);
	if (s->front == NULL)
		die(EX_OSERR, "%s: %s", s->spec.program, f.text);
	s->server = server_new(s->loop, &s->spec.limits);
	s->controls = server_new(s->front, &none);
}

const struct common_options *
service_common(const struct service *service)
{
	return &service->common;
}

const struct tls_options *
service_tls(const struct service *service)
{
	return conf_get(service->conf, &tls_table);
}

const struct conf *
service_conf(const struct service *s)
{
	return s->conf;
}

const void *
service_options(const struct service *service)
{
	return conf_get(service->conf, service->spec.table);
}

struct server *
service_server(struct service *service)
{
	set_up_loop(service);
	return service->server;
}

struct loop *
service_loop(struct service *service)
{
	set_up_loop(service);
	return service->loop;
}

/* Listeners. */

static void
remember(struct service *s, struct made *made, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	made->path = arena_text(&s->arena, str(path));
	made->dev = st.st_dev;
	made->ino = st.st_ino;
}

static void
remove_made(const struct made *made)
{
	struct stat st;

	if (made->path != NULL && lstat(made->path, &st) == 0 &&
	    st.st_dev == made->dev && st.st_ino == made->ino)
		(void)unlink(made->path);
}

void
service_listener(struct service *service, const char *address,
    const char *protocol, mode_t mode, const struct session_ops *ops,
    void *state)
{
	struct listening *l = arena_new(&service->arena, struct listening);
	struct net_address wanted;
	struct fault f;
	int fd;

	set_up_loop(service);
	if (net_parse(str(address), &wanted, &f) < 0)
		die(EX_CONFIG, "%s: %s", service->spec.program, f.text);
	fd = notify_take_socket(&wanted);
	if (fd < 0) {
		fd = net_listen(&wanted, mode, &f);
		if (fd >= 0 && net_is_unix(&wanted))
			remember(service, &l->made, address + strlen("unix:"));
	}
	if (fd < 0 || net_local(fd, &l->address, &f) < 0)
		die(EX_UNAVAILABLE, "%s: %s", service->spec.program, f.text);
	l->protocol = arena_text(&service->arena, str(protocol));
	*service->last = l;
	service->last = &l->next;
	server_listen(service->server, fd, ops, state);
}

static json_t *
listener_to_json(const struct listening *l)
{
	json_t *object = json_new_object();
	char text[140];

	net_format(&l->address, text, sizeof text);
	json_put_text(object, "protocol", l->protocol);
	if (net_is_unix(&l->address)) {
		json_put_text(object, "address", text);
		return object;
	}
	json_put_str(object, "address",
	    str_head(str(text), str_find_last(str(text), ':')));
	json_put_int(object, "port", net_port(&l->address));
	return object;
}

static json_t *
get_status(void *ctx, const json_t *params, struct fault *f)
{
	json_t *object = json_new_object(), *listeners = json_new_array();

	(void)ctx;
	(void)params;
	(void)f;
	json_put_text(object, "program", self->spec.program);
	json_put_text(object, "version", self->spec.version);
	json_put_int(object, "pid", getpid());
	json_put_int(object, "uptime", (clock_ms() - self->started) / 1000);
	json_put_int(object, "sessions", server_sessions(self->server));
	for (const struct listening *l = self->listening; l != NULL;
	     l = l->next)
		json_add(listeners, listener_to_json(l));
	json_put(object, "listeners", listeners);
	if (self->journal != NULL)
		json_put_int(object, "journal_dropped",
		    (int64_t)journal_dropped(self->journal));
	if (self->status != NULL)
		self->status(self->status_ctx, object);
	return object;
}

static struct control_method *
with_status(const struct control_method *methods)
{
	struct control_method *all;
	size_t n = 0;

	while (methods != NULL && methods[n].name != NULL)
		n++;
	all = mem_zeroed(n + 2, sizeof *all);
	if (n > 0)
		memcpy(all, methods, n * sizeof *all);
	all[n] = (struct control_method){"status", get_status};
	return all;
}

/* refused is the exit status where the group is there and may not have it. */
static void
give_to_group(const struct service *s, const char *path, const char *option,
    const char *name, int refused)
{
	const struct group *group;

	if (name == NULL)
		return;
	group = getgrnam(name);
	if (group == NULL)
		die(EX_CONFIG, "%s: %s: %s: no such group \"%s\"",
		    s->spec.program, conf_path(s->conf), option, name);
	/* Not through a link that the daemon's user may have put there. */
	if (lchown(path, (uid_t)-1, group->gr_gid) < 0)
		die(refused, "%s: cannot give %s to the group %s: %s",
		    s->spec.program, path, name, strerror(errno));
}

void
service_listener_group(const struct service *service, const char *address,
    const char *option, const char *group)
{
	if (str_starts(str(address), STR_LIT("unix:")))
		give_to_group(service, address + strlen("unix:"), option, group,
		    EX_CONFIG);
}

void
service_control(struct service *service, const struct control_method *methods,
    void *ctx, void (*status)(void *ctx, json_t *object))
{
	char *path = arena_putf(&service->arena, "%s/%s.ctl",
	    service->common.run_dir, service->spec.program);
	struct fault f;

	set_up_loop(service);
	service->status = status;
	service->status_ctx = ctx;
	service->methods = with_status(methods);
	service->control =
	    control_new(service->controls, path, service->methods, ctx, &f);
	if (service->control == NULL)
		die(EX_UNAVAILABLE, "%s: %s", service->spec.program, f.text);
	remember(service, &service->made, path);
	give_to_group(service, service->made.path, "admin_group",
	    service->common.admin_group, EX_NOPERM);
}

/* Giving up root. */

/*
 * The signal that a parent's death sends ("posthouse run" asks for one): the
 * kernel forgets it when a process becomes another user.
 */
static void
become(const char *program, const struct passwd *pw)
{
	pid_t parent = getppid();
	int death = 0;

	(void)prctl(PR_GET_PDEATHSIG, &death);
	if (initgroups(pw->pw_name, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 ||
	    setuid(pw->pw_uid) < 0)
		die(EX_OSERR, "%s: cannot become the user %s: %s", program,
		    pw->pw_name, strerror(errno));
	if (pw->pw_uid != 0 && setuid(0) == 0)
		die_bug("root could be had back");
	if (death == 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, death);
	if (getppid() != parent)
		(void)raise(death);
}

/* The journal. */

/* <state_dir>/journal/<program>, which admin_group may read. */
static int
make_journal_dir(struct service *s, const struct passwd *pw, struct fault *f)
{
	const char *name = s->common.admin_group;
	const struct group *group = name == NULL ? NULL : getgrnam(name);
	char *above = arena_putf(&s->arena, "%s/journal", s->common.state_dir);
	char *path = arena_putf(&s->arena, "%s/%s", above, s->spec.program);

	make_dir(s, above);
	return journal_dir_make(path, pw == NULL ? geteuid() : pw->pw_uid,
	    group == NULL ? (gid_t)-1 : group->gr_gid, f);
}

static void
open_journal(struct service *s, struct fault *f)
{
	const struct journal_conf conf = {
	    .dir = arena_putf(&s->arena, "%s/journal/%s", s->common.state_dir,
		s->spec.program),
	    .max_bytes = s->common.journal_size,
	    .max_age_us = (int64_t)s->common.journal_days * 86400 * 1000000,
	};

	s->journal = journal_open(&conf, f);
	if (s->journal != NULL)
		log_set_journal(s->journal);
}

static void
close_journal(struct service *s)
{
	log_set_journal(NULL);
	journal_close(&s->journal);
}

/* Whom to become; NULL where we stay who we are. */
static const struct passwd *
user_to_become(const char *program, const char *user)
{
	const struct passwd *pw;

	if (user == NULL) {
		if (geteuid() == 0)
			log_warn(
			    NULL, "runs as root: no user is configured", NULL);
		return NULL;
	}
	pw = getpwnam(user);
	if (pw == NULL)
		die(EX_NOUSER, "%s: there is no user \"%s\"", program, user);
	if (geteuid() == 0)
		return pw;
	if (pw->pw_uid != geteuid())
		die(EX_NOPERM, "%s: only root can become the user %s", program,
		    user);
	return NULL;
}

void
service_drop(struct service *service, const char *user)
{
	const struct passwd *pw = user_to_become(service->spec.program, user);
	struct fault f = {.text = ""};

	if (service->common.journal)
		(void)!make_journal_dir(service, pw, &f);
	if (pw != NULL) {
		if (service->made.path != NULL &&
		    lchown(service->made.path, pw->pw_uid, (gid_t)-1) < 0)
			log_warn(NULL, "cannot give the control socket away",
			    "reason", strerror(errno), NULL);
		become(service->spec.program, pw);
	}
	if (service->common.journal && f.text[0] == '\0')
		open_journal(service, &f);
	if (f.text[0] != '\0')
		log_warn(NULL, "no journal", "reason", f.text, NULL);
}

/* Running. */

/* Whatever hangs, a daemon that was told to end does end: what it had
 * acknowledged is safe on disk. */
static void
on_alarm(int signal)
{
	static const char text[] = "did not end in time: killed\n";

	(void)signal;
	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	_exit(EX_SOFTWARE);
}

static void
on_term(struct service *s)
{
	unsigned seconds = (unsigned)(s->spec.drain_ms / 1000) + GRACE_S;

	if (s->draining) {
		log_warn(NULL, "stopped at once", "sessions",
		    LOG_NUM(server_sessions(s->server)), NULL);
		close_journal(s);
		_exit(EX_TEMPFAIL);
	}
	s->draining = true;
	signal(SIGALRM, on_alarm);
	alarm(seconds);
	notify_send("STOPPING=1");
	log_info(NULL, "stopping", "sessions",
	    LOG_NUM(server_sessions(s->server)), NULL);
	if (s->spec.drain != NULL)
		s->spec.drain(s->spec.ctx);
	server_drain(s->server, clock_ms() + s->spec.drain_ms);
}

static void
on_hup(const struct service *s)
{
	if (s->spec.reload == NULL)
		return;
	loop_blocking_begin();
	s->spec.reload(s->spec.ctx);
	loop_blocking_end();
}

static void
on_signal(struct loop_task *task, enum loop_why why)
{
	struct signalfd_siginfo info;
	struct service *s = self;

	(void)why;
	while (read(task->fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGHUP)
			on_hup(s);
		else
			on_term(s);
	}
	loop_park_always(s->front, task, 0);
}

static void *
run_front(void *ctx)
{
	loop_run(((struct service *)ctx)->front);
	return NULL;
}

/* The main thread alone takes SIGALRM. */
static pthread_t
start_front(struct service *s)
{
	pthread_t thread;
	struct fault f;

	if (thread_start(&thread, run_front, s, &f) < 0)
		die(EX_OSERR, "%s: %s", s->spec.program, f.text);
	return thread;
}

int
service_run(struct service *service)
{
	pthread_t front;
	sigset_t set;

	set_up_loop(service);
	block_signals(&set);
	service->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (service->signals.fd < 0)
		die(EX_OSERR, "signalfd: %s", strerror(errno));
	service->signals.run = on_signal;
	loop_park_always(service->front, &service->signals, 0);
	front = start_front(service);
	log_info(NULL, "started", "version", service->spec.version, NULL);
	notify_send("READY=1");
	loop_run(service->loop);
	/* Methods use what the caller is about to free: let them end first. */
	loop_stop(service->front);
	pthread_join(front, NULL);
	loop_forget(service->front, &service->signals);
	close(service->signals.fd);
	log_info(NULL, "stopped", NULL);
	return EX_OK;
}

void
service_stop(struct service **service)
{
	struct service *s = *service;

	if (s == NULL)
		return;
	close_journal(s);
	server_free(&s->server);
	server_free(&s->controls);
	control_free(&s->control);
	loop_free(&s->loop);
	loop_free(&s->front);
	for (struct listening *l = s->listening; l != NULL; l = l->next)
		remove_made(&l->made);
	remove_made(&s->made);
	mem_free(s->methods);
	conf_free(&s->conf);
	arena_clear(&s->arena);
	mem_free(s);
	*service = NULL;
	self = NULL;
}
