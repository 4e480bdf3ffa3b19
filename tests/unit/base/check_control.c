/* SPDX-License-Identifier: ISC */
/* The control socket: JSON-RPC at both ends. */
#include "config.h"

#include "base/control.h"

#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/net.h"
#include "base/server.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 20000 };

static char dir[64], path[128];
static struct loop *loop;
static struct server *server;
static struct control *control;
static pthread_t thread;
static atomic_uint notes;
static atomic_bool let_go;

static json_t *
add(void *ctx, const json_t *params, struct fault *f)
{
	json_t *result;

	ck_assert_str_eq(ctx, "context");
	if (json_get(params, "a") == NULL) {
		fault_perm(f, "5.5.4", "a is missing");
		return NULL;
	}
	if (json_get_int(params, "a", 0) == 13) {
		fault_temp(f, "4.3.1", "try later");
		return NULL;
	}
	result = json_new_object();
	json_put_int(result, "sum",
	    json_get_int(params, "a", 0) + json_get_int(params, "b", 0));
	return result;
}

static json_t *
note(void *ctx, const json_t *params, struct fault *f)
{
	(void)ctx;
	(void)params;
	(void)f;
	atomic_fetch_add(&notes, 1);
	return json_new_object();
}

static json_t *
take_long(void *ctx, const json_t *params, struct fault *f)
{
	(void)ctx;
	(void)params;
	(void)f;
	while (!atomic_load(&let_go))
		usleep(1000);
	return json_new_object();
}

static const struct control_method methods[] = {
    {"add", add}, {"note", note}, {"long", take_long}, {0}};

static void *
run(void *ctx)
{
	(void)ctx;
	loop_run(loop);
	return NULL;
}

static void
start(void)
{
	static const struct server_limits none;
	static const struct loop_limits few = {.busy = 1, .max = 4};
	struct fault f;

	snprintf(dir, sizeof dir, "/tmp/check_control.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.ctl", dir);
	umask(0);
	loop = loop_new(&few, &f);
	server = server_new(loop, &none);
	control = control_new(server, path, methods, (void *)"context", &f);
	ck_assert_msg(control != NULL, "%s", f.text);
	ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

static void
stop(void)
{
	server_drain(server, clock_ms() + PATIENCE_MS);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	server_free(&server);
	control_free(&control);
	loop_free(&loop);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static json_t *
params_of(int a, int b)
{
	json_t *params = json_new_object();

	json_put_int(params, "a", a);
	json_put_int(params, "b", b);
	return params;
}

/* One line there, one back, as any program could. */
static void
check_line(const char *request, const char *want)
{
	struct net_address address;
	struct buf in;
	struct str line;
	struct fault f;
	char text[140];
	struct io *io;

	snprintf(text, sizeof text, "unix:%s", path);
	ck_assert_int_eq(net_parse(str(text), &address, &f), 0);
	io = io_new(net_connect(&address, clock_ms() + PATIENCE_MS, &f));
	io_set_deadline(io, clock_ms() + PATIENCE_MS);
	buf_init(&in, 100000);
	ck_assert_int_eq(io_write(io, str(request), &f), 0);
	while (!buf_take_line(&in, &line))
		ck_assert_int_eq(io_read(io, &in, 10000, &f), 1);
	ck_assert_view_eq(line, want);
	ck_assert_uint_eq(buf_len(&in), 0);
	buf_clear(&in);
	io_free(&io);
}

START_TEST(a_call_gives_the_result)
{
	json_t *params = params_of(2, 3), *result;
	struct fault f;

	start();
	result = control_request(path, "add", params, &f);
	ck_assert_msg(result != NULL, "%s", f.text);
	ck_assert_int_eq(json_get_int(result, "sum", 0), 5);
	json_free(&result);
	json_free(&params);
	result = control_request(path, "version", NULL, &f);
	ck_assert_str_eq(json_get_text(result, "version"), PACKAGE_VERSION);
	json_free(&result);
	result = control_request(path, "methods", NULL, &f);
	ck_assert_uint_eq(json_len(result), 3);
	json_free(&result);
	stop();
}
END_TEST

START_TEST(a_fault_comes_over_whole)
{
	json_t *params = params_of(13, 0);
	struct fault f;

	start();
	ck_assert_ptr_null(control_request(path, "add", params, &f));
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.3.1");
	ck_assert_str_eq(f.text, "try later");
	json_free(&params);
	ck_assert_ptr_null(control_request(path, "add", NULL, &f));
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.5.4");
	ck_assert_ptr_null(control_request(path, "nonsense", NULL, &f));
	ck_assert_str_eq(f.text, "there is no method \"nonsense\"");
	stop();
}
END_TEST

START_TEST(the_lines_are_those_of_json_rpc)
{
	start();
	check_line("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"add\","
		   "\"params\":{\"a\":1}}\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{\"sum\":1}}");
	check_line("\r\n{\"id\":null,\"method\":\"add\"}\r\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,"
	    "\"message\":\"a is missing\",\"data\":{\"dsn\":\"5.5.4\","
	    "\"kind\":\"perm\"}}}");
	check_line("{\"id\":7,\"method\":\"x\"}\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32601,"
	    "\"message\":\"there is no method \\\"x\\\"\",\"data\":{\"dsn\":"
	    "\"5.5.1\",\"kind\":\"perm\"}}}");
	check_line("[1]\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
	    "\"message\":\"a request is an object with method, id and params\","
	    "\"data\":{\"dsn\":\"5.5.2\",\"kind\":\"perm\"}}}");
	check_line("{\"id\":1,\"method\":\"add\",\"params\":[1]}\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,"
	    "\"message\":\"a request is an object with method, id and params\","
	    "\"data\":{\"dsn\":\"5.5.2\",\"kind\":\"perm\"}}}");
	stop();
}
END_TEST

START_TEST(a_notification_is_done_and_not_answered)
{
	start();
	/* The only answer is to the second line. */
	check_line("{\"method\":\"note\"}\n"
		   "{\"id\":1,\"method\":\"add\",\"params\":{\"a\":1}}\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"sum\":1}}");
	ck_assert_uint_eq(atomic_load(&notes), 1);
	stop();
}
END_TEST

START_TEST(a_method_that_takes_long_holds_up_nobody)
{
	struct fault f;
	json_t *result;

	start();
	ck_assert_ptr_null(control_request_within(path, "long", NULL, 50, &f));
	ck_assert_str_eq(f.dsn, "4.4.2");
	result = control_request_within(path, "note", NULL, PATIENCE_MS, &f);
	ck_assert_msg(result != NULL, "%s", f.text);
	json_free(&result);
	atomic_store(&let_go, true);
	stop();
}
END_TEST

START_TEST(the_socket_is_for_its_owner_and_group_alone)
{
	struct stat st;

	start();
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	stop();
}
END_TEST

START_TEST(a_request_that_is_too_long_is_refused_here)
{
	json_t *params = json_new_object();
	struct fault f;
	struct buf b;

	start();
	buf_init(&b, 2 << 20);
	for (int i = 0; i < 1 << 20; i++)
		buf_putc(&b, 'x');
	json_put_text(params, "x", buf_text(&b));
	ck_assert_ptr_null(control_request(path, "note", params, &f));
	ck_assert_str_eq(f.dsn, "5.3.4");
	ck_assert_uint_eq(atomic_load(&notes), 0);
	json_free(&params);
	buf_clear(&b);
	stop();
}
END_TEST

/* A stranger's process asks: 0 where it is told that it has no right. */
static void
ask_as_nobody(void)
{
	struct fault f;

	if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
		_exit(2);
	if (control_request(path, "version", NULL, &f) != NULL)
		_exit(3);
	_exit(strcmp(f.dsn, "4.7.0") == 0 ? 0 : 1);
}

START_TEST(a_daemon_that_is_down_is_told_from_one_that_refuses)
{
	struct fault f;
	int status;
	pid_t pid;

	ck_assert_ptr_null(
	    control_request("/nonexistent/x.ctl", "status", NULL, &f));
	ck_assert_str_eq(f.dsn, "4.4.1");
	if (geteuid() != 0)
		return;
	start();
	ck_assert_int_eq(chmod(dir, 0755), 0);
	pid = fork();
	if (pid == 0)
		ask_as_nobody();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	stop();
}
END_TEST

UNIT_MAIN("control", a_call_gives_the_result, a_fault_comes_over_whole,
    the_lines_are_those_of_json_rpc, a_notification_is_done_and_not_answered,
    a_method_that_takes_long_holds_up_nobody,
    the_socket_is_for_its_owner_and_group_alone,
    a_request_that_is_too_long_is_refused_here,
    a_daemon_that_is_down_is_told_from_one_that_refuses)
