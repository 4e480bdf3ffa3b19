/* SPDX-License-Identifier: ISC */
/* JSON-RPC 2.0 over a unix socket: one object a line, both ways. */
#include "config.h"

#include "base/control.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/net.h"
#include "base/server.h"

enum {
	REQUEST_MAX = 1 << 20,
	REPLY_MAX = 64 << 20,
	IDLE_MS = 5 * 60 * 1000,
	WRITE_MS = 30 * 1000,
	REQUEST_MS = 10 * 60 * 1000, /* "mailbox rebuild" takes its time */

	/* JSON-RPC 2.0, 5.1 */
	CODE_PARSE = -32700,
	CODE_REQUEST = -32600,
	CODE_METHOD = -32601,
	CODE_PERM = -32000,
	CODE_TEMP = -32001,
};

struct control {
	const struct control_method *methods;
	void *ctx;
};

struct talk {
	struct control *control;
	struct session *session;
	struct buf in;
};

/* Of the talk that this thread is at work on. */
static _Thread_local uid_t caller = (uid_t)-1;

uid_t
control_caller(void)
{
	return caller;
}

static json_t *
new_reply(const json_t *id)
{
	json_t *reply = json_new_object();

	json_put_text(reply, "jsonrpc", "2.0");
	json_put(reply, "id",
	    id != NULL ? json_hold((json_t *)(uintptr_t)id) : json_new_null());
	return reply;
}

static json_t *
error_reply(const json_t *id, int code, const struct fault *f)
{
	json_t *reply = new_reply(id), *error = json_new_object();
	json_t *data = json_new_object();

	json_put_int(error, "code", code);
	json_put_text(error, "message", f->text);
	json_put_text(data, "dsn", f->dsn);
	json_put_text(data, "kind", f->kind == FAULT_TEMP ? "temp" : "perm");
	json_put(error, "data", data);
	json_put(reply, "error", error);
	return reply;
}

static json_t *
list_methods(const struct control *control)
{
	json_t *names = json_new_array();

	for (const struct control_method *m = control->methods;
	     m != NULL && m->name != NULL; m++)
		json_add_text(names, m->name);
	return names;
}

/* NULL with the code and the fault. */
static json_t *
call(const struct control *control, const char *name, const json_t *params,
    int *code, struct fault *f)
{
	json_t *result;

	if (strcmp(name, "version") == 0) {
		result = json_new_object();
		json_put_text(result, "version", PACKAGE_VERSION);
		return result;
	}
	if (strcmp(name, "methods") == 0)
		return list_methods(control);
	for (const struct control_method *m = control->methods;
	     m != NULL && m->name != NULL; m++) {
		if (strcmp(m->name, name) != 0)
			continue;
		loop_blocking_begin();
		result = m->call(control->ctx, params, f);
		loop_blocking_end();
		*code = f->kind == FAULT_TEMP ? CODE_TEMP : CODE_PERM;
		return result;
	}
	*code = CODE_METHOD;
	fault_perm(f, "5.5.1", "there is no method \"%s\"", name);
	return NULL;
}

static json_t *
answer(const struct control *control, const json_t *request)
{
	const char *method = json_get_text(request, "method");
	const json_t *id = json_get(request, "id");
	json_t *params = json_get(request, "params");
	json_t *none = NULL, *result, *reply;
	struct fault f = {0};
	int code = 0;

	if (!json_is_object(request) || method == NULL ||
	    (params != NULL && !json_is_object(params))) {
		fault_perm(&f, "5.5.2",
		    "a request is an object with method, id and params");
		return error_reply(id, CODE_REQUEST, &f);
	}
	if (params == NULL)
		params = none = json_new_object();
	result = call(control, method, params, &code, &f);
	if (none != NULL)
		json_free(&none);
	if (result == NULL)
		return error_reply(id, code, &f);
	reply = new_reply(id);
	json_put(reply, "result", result);
	return reply;
}

static int
write_reply(struct talk *t, json_t *reply)
{
	struct buf out;
	struct fault f;
	int rc;

	buf_init(&out, REPLY_MAX);
	json_format(&out, reply);
	if (buf_len(&out) + 1 >= REPLY_MAX || buf_is_full(&out)) {
		json_t *id = json_get(reply, "id"), *error;

		fault_perm(&f, "5.3.4", "the result is too long");
		error = error_reply(id, CODE_PERM, &f);
		buf_reset(&out);
		json_format(&out, error);
		json_free(&error);
	}
	json_free(&reply);
	buf_putc(&out, '\n');
	io_set_deadline(session_io(t->session), clock_ms() + WRITE_MS);
	rc = io_flush(session_io(t->session), &out, &f);
	buf_clear(&out);
	return rc;
}

static int
answer_line(struct talk *t, struct str line)
{
	struct fault f;
	json_t *request = json_parse(line, &f), *reply;

	if (request == NULL)
		return write_reply(t, error_reply(NULL, CODE_PARSE, &f));
	caller = session_peer(t->session)->uid;
	reply = answer(t->control, request);
	caller = (uid_t)-1;
	/* A request without an id is not to be answered (JSON-RPC 4.1), unless
	 * it is none at all. */
	if (json_is_object(request) && json_get(request, "id") == NULL &&
	    json_get_text(request, "method") != NULL)
		json_free(&reply);
	json_free(&request);
	return reply == NULL ? 0 : write_reply(t, reply);
}

static void *
open_talk(void *service, struct session *s)
{
	struct talk *t = mem_new(struct talk);

	t->control = service;
	t->session = s;
	buf_init_secret(&t->in, REQUEST_MAX);
	session_set_idle(s, IDLE_MS);
	return t;
}

static enum session_next
on_input(void *state)
{
	struct talk *t = state;
	struct str line;
	struct fault f;
	bool again;
	int rc = io_read_now(
	    session_io(t->session), &t->in, REQUEST_MAX, &again, &f);

	if (rc < 0 || (rc == 0 && !again))
		return SESSION_CLOSE;
	while (buf_take_line(&t->in, &line))
		if (line.len > 0 && answer_line(t, line) < 0)
			return SESSION_CLOSE;
	return SESSION_PARK;
}

static void
close_talk(void *state)
{
	struct talk *t = state;

	buf_clear(&t->in);
	mem_free(t);
}

static const struct session_ops talk_ops = {
    .open = open_talk,
    .on_input = on_input,
    .close = close_talk,
};

struct control *
control_new(struct server *server, const char *path,
    const struct control_method *methods, void *ctx, struct fault *f)
{
	struct net_address address;
	struct control *control;
	struct buf text;
	int fd = -1;

	buf_init(&text, 4096);
	buf_putf(&text, "unix:%s", path);
	if (net_parse(buf_str(&text), &address, f) == 0)
		fd = net_listen(&address, 0660, f);
	buf_clear(&text);
	if (fd < 0)
		return NULL;
	control = mem_new(struct control);
	control->methods = methods;
	control->ctx = ctx;
	server_listen(server, fd, &talk_ops, control);
	return control;
}

void
control_free(struct control **control)
{
	mem_free(*control);
	*control = NULL;
}

/* The other end. */

static int
connect_to(const char *path, struct fault *f)
{
	struct net_address address;
	struct buf text;
	struct stat st;
	int rc;

	buf_init(&text, 4096);
	buf_putf(&text, "unix:%s", path);
	rc = net_parse(buf_str(&text), &address, f);
	buf_clear(&text);
	if (rc < 0)
		return -1;
	if (stat(path, &st) == 0 && access(path, W_OK) < 0)
		return fault_temp(f, "4.7.0",
		    "no right to use %s (it belongs to another user and "
		    "group)",
		    path);
	return net_connect(&address, clock_ms() + WRITE_MS, f);
}

static int
exchange(struct io *io, const json_t *request, struct buf *in, struct str *line,
    struct fault *f)
{
	struct buf out;
	int rc;

	buf_init_secret(&out, REQUEST_MAX);
	json_format(&out, request);
	buf_putc(&out, '\n');
	if (buf_is_full(&out))
		rc = fault_perm(f, "5.3.4", "the request is too long");
	else
		rc = io_flush(io, &out, f);
	buf_clear(&out);
	while (rc == 0 && !buf_take_line(in, line)) {
		int got = io_read(io, in, REPLY_MAX, f);

		if (got == 0)
			fault_temp(f, "4.4.2", "the daemon hung up");
		if (got < 1)
			rc = -1;
	}
	return rc;
}

static json_t *
take_result(const json_t *reply, struct fault *f)
{
	json_t *result = json_get(reply, "result");
	json_t *error = json_get(reply, "error"), *data;
	const char *text, *dsn;

	if (result != NULL)
		return json_hold(result);
	data = json_get(error, "data");
	text = json_get_text(error, "message");
	dsn = json_get_text(data, "dsn");
	if (text == NULL)
		text = "the daemon's answer makes no sense";
	if (json_get_int(error, "code", CODE_PERM) == CODE_TEMP)
		fault_temp(f, dsn != NULL ? dsn : "4.0.0", "%s", text);
	else
		fault_perm(f, dsn != NULL ? dsn : "5.0.0", "%s", text);
	return NULL;
}

static json_t *
new_request(const char *method, const json_t *params)
{
	json_t *request = json_new_object();

	json_put_text(request, "jsonrpc", "2.0");
	json_put_int(request, "id", 1);
	json_put_text(request, "method", method);
	if (params != NULL)
		json_put(
		    request, "params", json_hold((json_t *)(uintptr_t)params));
	return request;
}

json_t *
control_request_within(const char *path, const char *method,
    const json_t *params, int64_t ms, struct fault *f)
{
	json_t *request, *reply = NULL, *result = NULL;
	int64_t deadline = clock_ms() + ms;
	struct str line;
	struct buf in;
	struct io *io;
	int fd = connect_to(path, f);

	if (fd < 0)
		return NULL;
	io = io_new(fd);
	io_set_deadline(io, deadline);
	buf_init(&in, REPLY_MAX);
	request = new_request(method, params);
	if (exchange(io, request, &in, &line, f) == 0)
		reply = json_parse(line, f);
	if (reply != NULL) {
		result = take_result(reply, f);
		json_free(&reply);
	}
	json_free(&request);
	buf_clear(&in);
	io_free(&io);
	return result;
}

json_t *
control_request(
    const char *path, const char *method, const json_t *params, struct fault *f)
{
	return control_request_within(path, method, params, REQUEST_MS, f);
}
