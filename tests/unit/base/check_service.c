/* SPDX-License-Identifier: ISC */
/* The life of a daemon: a small one, in a process of its own. */
#include "config.h"

#include "base/service.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 20000 };

/* The daemon: "block" holds a worker until the process ends. */

struct options {
	const char *user;
};

static const struct conf_option options[] = {
    {.name = "user",
	.type = CONF_TEXT,
	.offset = offsetof(struct options, user),
	.help = "becomes this user"},
    {0},
};
static const struct conf_table table = {
    .section = "tested", .options = options, .size = sizeof(struct options)};

static char dir[64], conf[128], control[128], listener[128], news[100];
static unsigned max_threads;
static atomic_uint reloads;

static void *
on_open(void *service, struct session *s)
{
	(void)service;
	return s;
}

static enum session_next
on_input(void *state)
{
	struct io *io = session_io(state);
	enum session_next next = SESSION_PARK;
	struct buf in;
	struct fault f;

	buf_init(&in, 100);
	if (io_read(io, &in, 100, &f) <= 0)
		next = SESSION_CLOSE;
	else if (str_starts(buf_str(&in), STR_LIT("block")))
		for (;;) {
			loop_blocking_begin();
			usleep(10000);
			loop_blocking_end();
		}
	else if (io_flush(io, &in, &f) < 0)
		next = SESSION_CLOSE;
	buf_clear(&in);
	return next;
}

static void
on_close(void *state)
{
	(void)state;
}

static const struct session_ops ops = {
    .open = on_open, .on_input = on_input, .close = on_close};

static void
reload(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&reloads, 1);
}

static void
put_status(void *ctx, json_t *object)
{
	(void)ctx;
	json_put_int(object, "reloads", atomic_load(&reloads));
	json_put_int(object, "uid", geteuid());
	json_put_bool(object, "root_again", setuid(0) == 0);
}

static int
be_daemon(int argc, char **argv)
{
	struct service_spec spec = {
	    .program = "posthouse-tested",
	    .version = "9.9",
	    .table = &table,
	    .loop = {.busy = max_threads, .max = max_threads},
	    .drain_ms = 200,
	    .reload = reload,
	};
	struct service *s = service_start(&spec, argc, argv);
	const struct options *o = service_options(s);
	int status;

	service_listener(s, "127.0.0.1:0", "echo", 0, &ops, NULL);
	service_listener(s, listener, "echo", 0666, &ops, NULL);
	service_control(s, NULL, NULL, put_status);
	service_drop(s, o->user);
	status = service_run(s);
	service_stop(&s);
	return status;
}

/* The test's side. */

static void
put_conf(const char *more)
{
	FILE *file = fopen(conf, "w");

	ck_assert_ptr_nonnull(file);
	fprintf(file, "state_dir = state\nrun_dir = run\n%s\n", more);
	fclose(file);
}

static void
make_dir(const char *more)
{
	snprintf(dir, sizeof dir, "/tmp/check_service.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chmod(dir, 0755), 0);
	snprintf(conf, sizeof conf, "%s/x.conf", dir);
	snprintf(control, sizeof control, "%s/run/posthouse-tested.ctl", dir);
	snprintf(listener, sizeof listener, "unix:%s/run/echo", dir);
	snprintf(news, sizeof news, "%s/news", dir);
	put_conf(more);
}

/* state/journal/posthouse-tested, of whose files the first's path is given, and
 * which is removed with them where `gone`. */
static void
find_journal(char *path, size_t size, bool gone)
{
	char folder[120];
	const struct dirent *entry;
	DIR *d;

	path[0] = '\0';
	snprintf(
	    folder, sizeof folder, "%s/state/journal/posthouse-tested", dir);
	d = opendir(folder);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, size, "%s/%s", folder, entry->d_name);
		if (gone)
			unlink(path);
	}
	if (d != NULL)
		closedir(d);
	if (!gone)
		return;
	rmdir(folder);
	snprintf(folder, sizeof folder, "%s/state/journal", dir);
	rmdir(folder);
}

static void
remove_dir(void)
{
	char path[400];

	find_journal(path, sizeof path, true);
	unlink(conf);
	unlink(news);
	unlink(control);
	unlink(listener + 5);
	snprintf(path, sizeof path, "%s/run", dir);
	ck_assert_int_eq(rmdir(path), 0);
	snprintf(path, sizeof path, "%s/state", dir);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static pid_t
launch(char **argv)
{
	pid_t pid = fork();
	int argc = 0;

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	while (argv[argc] != NULL)
		argc++;
	alarm(60);
	exit(be_daemon(argc, argv));
}

/* Starts the daemon and waits until it says READY. */
static pid_t
start(void)
{
	char *argv[] = {(char *)"posthouse-tested", (char *)"-c", conf, NULL};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char text[32] = "";
	pid_t pid;

	unlink(news);
	snprintf(un.sun_path, sizeof un.sun_path, "%s", news);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	ck_assert_int_eq(chmod(news, 0777), 0);
	setenv("NOTIFY_SOCKET", news, 1);
	pid = launch(argv);
	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
	ck_assert_int_eq(recv(fd, text, sizeof text, 0), 7);
	ck_assert_str_eq(text, "READY=1");
	close(fd);
	return pid;
}

/* The status by which it ended; -1 for a signal. */
static int
await_end(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static json_t *
get_status(void)
{
	struct fault f;
	json_t *status = control_request(control, "status", NULL, &f);

	ck_assert_msg(status != NULL, "%s", f.text);
	return status;
}

static int
dial(void)
{
	struct net_address address;
	struct fault f;
	int fd;

	ck_assert_int_eq(net_parse(str(listener), &address, &f), 0);
	fd = net_connect(&address, clock_ms() + PATIENCE_MS, &f);
	ck_assert_msg(fd >= 0, "%s", f.text);
	return fd;
}

static void
await_sessions(int n)
{
	int64_t due = clock_ms() + PATIENCE_MS, got = -1;

	while (got != n && clock_ms() < due) {
		json_t *status = get_status();

		got = json_get_int(status, "sessions", -1);
		json_free(&status);
	}
	ck_assert_int_eq(got, n);
}

START_TEST(status_tells_program_listeners_and_sessions)
{
	json_t *status, *list;
	pid_t pid;
	int fd;

	make_dir("");
	pid = start();
	fd = dial();
	await_sessions(1);
	status = get_status();
	ck_assert_str_eq(json_get_text(status, "program"), "posthouse-tested");
	ck_assert_str_eq(json_get_text(status, "version"), "9.9");
	ck_assert_int_eq(json_get_int(status, "pid", 0), pid);
	ck_assert_int_ge(json_get_int(status, "uptime", -1), 0);
	list = json_get(status, "listeners");
	ck_assert_uint_eq(json_len(list), 2);
	ck_assert_str_eq(json_get_text(json_at(list, 0), "protocol"), "echo");
	ck_assert_str_eq(
	    json_get_text(json_at(list, 0), "address"), "127.0.0.1");
	ck_assert_int_gt(json_get_int(json_at(list, 0), "port", 0), 0);
	ck_assert_str_eq(json_get_text(json_at(list, 1), "address"), listener);
	json_free(&status);
	close(fd);
	kill(pid, SIGTERM);
	ck_assert_int_eq(await_end(pid), EX_OK);
	/* Its sockets are gone. */
	ck_assert_int_eq(access(control, F_OK), -1);
	ck_assert_int_eq(access(listener + 5, F_OK), -1);
	remove_dir();
}
END_TEST

START_TEST(hup_reads_again_what_can_be_read_again)
{
	int64_t due = clock_ms() + PATIENCE_MS, n = 0;
	pid_t pid;

	make_dir("");
	pid = start();
	kill(pid, SIGHUP);
	while (n != 1 && clock_ms() < due) {
		json_t *status = get_status();

		n = json_get_int(status, "reloads", 0);
		json_free(&status);
	}
	ck_assert_int_eq(n, 1);
	kill(pid, SIGTERM);
	ck_assert_int_eq(await_end(pid), EX_OK);
	remove_dir();
}
END_TEST

START_TEST(the_operator_gets_in_while_all_workers_block)
{
	int fds[3];
	struct pollfd p = {.events = POLLIN};
	json_t *status;
	pid_t pid;

	make_dir("");
	max_threads = 2;
	pid = start();
	for (int i = 0; i < 3; i++)
		fds[i] = dial();
	await_sessions(3);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(write(fds[i], "block", 5), 5);
	p.fd = fds[2];
	do
		ck_assert_int_eq(write(fds[2], "x", 1), 1);
	while (poll(&p, 1, 100) == 1 && read(fds[2], &(char){0}, 1) == 1);
	status = get_status();
	json_free(&status);
	kill(pid, SIGTERM);
	/* It drains, and answers still. */
	usleep(50000);
	status = get_status();
	json_free(&status);
	kill(pid, SIGTERM);
	ck_assert_int_eq(await_end(pid), EX_TEMPFAIL);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	remove_dir();
}
END_TEST

START_TEST(a_socket_that_another_has_taken_over_is_left_to_it)
{
	struct net_address address;
	struct fault f;
	pid_t pid;
	int fd;

	make_dir("");
	pid = start();
	ck_assert_int_eq(unlink(listener + 5), 0);
	ck_assert_int_eq(net_parse(str(listener), &address, &f), 0);
	fd = net_listen(&address, 0600, &f);
	ck_assert_int_ge(fd, 0);
	kill(pid, SIGTERM);
	ck_assert_int_eq(await_end(pid), EX_OK);
	ck_assert_int_eq(access(listener + 5, F_OK), 0);
	close(fd);
	remove_dir();
}
END_TEST

START_TEST(root_is_given_up_for_good)
{
	const struct passwd *nobody = getpwnam("nobody");
	json_t *status;
	struct stat st;
	pid_t pid;

	if (geteuid() != 0 || nobody == NULL)
		return;
	make_dir("tested { user = nobody }\nadmin_group = daemon");
	pid = start();
	status = get_status();
	ck_assert_int_eq(json_get_int(status, "uid", -1), nobody->pw_uid);
	ck_assert(!json_get_bool(status, "root_again", true));
	json_free(&status);
	ck_assert_int_eq(lstat(control, &st), 0);
	ck_assert_uint_eq(st.st_uid, nobody->pw_uid);
	ck_assert_uint_ne(st.st_gid, 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	kill(pid, SIGTERM);
	ck_assert_int_eq(await_end(pid), EX_OK);
	remove_dir();
}
END_TEST

START_TEST(the_journal_is_the_users_and_the_groups_to_read)
{
	const struct passwd *nobody = getpwnam("nobody");
	const struct group *group = getgrnam("daemon");
	char path[400];
	struct stat st;
	pid_t pid;

	if (geteuid() != 0 || nobody == NULL || group == NULL)
		return;
	make_dir("tested { user = nobody }\nadmin_group = daemon\n"
		 "log_level = error");
	pid = start();
	kill(pid, SIGTERM);
	ck_assert_int_eq(await_end(pid), EX_OK);
	find_journal(path, sizeof path, false);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, nobody->pw_uid);
	ck_assert_uint_eq(st.st_gid, group->gr_gid);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	/* "started", "stopping" and "stopped", whatever the log's level. */
	ck_assert_int_gt(st.st_size, 3 * 40);
	*strrchr(path, '/') = '\0';
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, nobody->pw_uid);
	ck_assert_uint_eq(st.st_gid, group->gr_gid);
	ck_assert_uint_eq(st.st_mode & 07777, 02750);
	remove_dir();
}
END_TEST

START_TEST(a_journal_that_is_off_leaves_no_trace)
{
	char path[400];
	pid_t pid;

	make_dir("journal = off");
	pid = start();
	kill(pid, SIGTERM);
	ck_assert_int_eq(await_end(pid), EX_OK);
	find_journal(path, sizeof path, false);
	ck_assert_str_eq(path, "");
	remove_dir();
}
END_TEST

/* What the daemon says on its way out. */
static const char *
fail_with(int want, char **argv)
{
	static char text[2000];
	FILE *file = tmpfile();
	int kept = dup(STDERR_FILENO);
	ssize_t n;
	pid_t pid;

	dup2(fileno(file), STDERR_FILENO);
	pid = launch(argv);
	ck_assert_int_eq(await_end(pid), want);
	dup2(kept, STDERR_FILENO);
	close(kept);
	n = pread(fileno(file), text, sizeof text - 1, 0);
	fclose(file);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(bad_arguments_and_configurations_end_with_a_reason)
{
	char *good[] = {(char *)"x", (char *)"-c", conf, NULL};
	char *bad[] = {(char *)"x", (char *)"-q", NULL};
	char *extra[] = {(char *)"x", conf, NULL};
	char *none[] = {(char *)"x", (char *)"-c", (char *)"/none.conf", NULL};
	const char *said;

	make_dir("tested { nonsense = 1 }");
	ck_assert_ptr_nonnull(strstr(fail_with(EX_USAGE, bad), "usage: "));
	ck_assert_ptr_nonnull(strstr(fail_with(EX_USAGE, extra), "usage: "));
	ck_assert_str_eq(fail_with(EX_CONFIG, none),
	    "posthouse-tested: /none.conf: No such file or directory\n");
	said = fail_with(EX_CONFIG, good);
	ck_assert_ptr_nonnull(strstr(said, "x.conf:3: no such option"));
	put_conf("tested { user = no_such_user_here }");
	ck_assert_ptr_nonnull(
	    strstr(fail_with(EX_NOUSER, good), "no_such_user_here"));
	put_conf("admin_group = no_such_group_here");
	ck_assert_ptr_nonnull(
	    strstr(fail_with(EX_CONFIG, good), "no_such_group_here"));
	remove_dir();
}
END_TEST

START_TEST(an_address_in_use_ends_with_a_reason)
{
	char *argv[] = {(char *)"x", (char *)"-c", conf, NULL};
	pid_t pid;

	make_dir("");
	pid = start();
	ck_assert_ptr_nonnull(
	    strstr(fail_with(EX_UNAVAILABLE, argv), listener));
	/* The first one goes on. */
	json_free(&(json_t *){get_status()});
	kill(pid, SIGTERM);
	ck_assert_int_eq(await_end(pid), EX_OK);
	remove_dir();
}
END_TEST

START_TEST(closed_standard_streams_do_not_become_files)
{
	char *argv[] = {(char *)"x", (char *)"-c", (char *)"/none.conf", NULL};
	pid_t pid;

	make_dir("");
	pid = fork();
	if (pid == 0) {
		struct stat st;

		close(0);
		close(1);
		close(2);
		put_conf("");
		argv[2] = conf;
		struct service *s = service_start(
		    &(struct service_spec){
			.program = "x", .version = "1", .table = &table},
		    3, argv);
		_exit(s != NULL && fstat(2, &st) == 0 && S_ISCHR(st.st_mode)
			  ? 0
			  : 1);
	}
	ck_assert_int_eq(await_end(pid), 0);
	remove_dir();
}
END_TEST

UNIT_MAIN("service", status_tells_program_listeners_and_sessions,
    hup_reads_again_what_can_be_read_again,
    the_operator_gets_in_while_all_workers_block,
    a_socket_that_another_has_taken_over_is_left_to_it,
    root_is_given_up_for_good, the_journal_is_the_users_and_the_groups_to_read,
    a_journal_that_is_off_leaves_no_trace,
    bad_arguments_and_configurations_end_with_a_reason,
    an_address_in_use_ends_with_a_reason,
    closed_standard_streams_do_not_become_files)
