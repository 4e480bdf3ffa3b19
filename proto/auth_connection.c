/* SPDX-License-Identifier: ISC */
/* Our VERSION and CPID go out before anything is read: since 2.4 the server
 * waits for them, and an earlier one does not mind. */
#include "config.h"

#include "proto/auth_connection.h"

#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "proto/auth_line.h"

enum { NAME_LEN_MAX = 20, LINES_MAX = 100, READ_SIZE = 4096 };

void
auth_connection_close(struct auth_connection **connection)
{
	struct auth_connection *c = *connection;

	if (c == NULL)
		return;
	if (c->task.loop != NULL)
		loop_forget(c->task.loop, &c->task);
	io_free(&c->io);
	buf_clear(&c->in);
	buf_clear(&c->out);
	buf_clear(&c->field);
	mem_free(c);
	*connection = NULL;
}

int
auth_connection_read(
    struct auth_connection *c, struct str *line, struct fault *f)
{
	while (!buf_take_line(&c->in, line)) {
		int got = io_read(c->io, &c->in, READ_SIZE, f);

		if (got == 0)
			fault_temp(f, "4.4.2", "the connection was closed");
		if (got <= 0)
			return -1;
	}
	return 0;
}

bool
auth_connection_field(
    struct auth_connection *c, struct str *rest, struct str *field)
{
	if (!auth_line_next(rest, &c->field))
		return false;
	*field = buf_str(&c->field);
	return true;
}

bool
auth_connection_is_idle(struct auth_connection *c)
{
	struct fault ignored;
	bool again = false;

	return io_read_now(c->io, &c->in, READ_SIZE, &again, &ignored) == 0 &&
	       again;
}

static bool
is_mechanism_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '_')
			return false;
	}
	return name.len > 0 && name.len <= NAME_LEN_MAX;
}

/* What a client of ours could never use, or must not. */
static bool
is_barred(struct str flag)
{
	return str_is(flag, STR_LIT("anonymous")) ||
	       str_is(flag, STR_LIT("private"));
}

/* "MECH<TAB>name<TAB>flags": rest is behind the first TAB. */
static void
take_mechanism(struct auth_connection *c, struct str rest, struct buf *names)
{
	size_t before = buf_len(names);
	struct str field;

	if (!auth_connection_field(c, &rest, &field) ||
	    !is_mechanism_name(field))
		return;
	if (before > 0)
		buf_putc(names, ' ');
	buf_put_str(names, field);
	while (auth_connection_field(c, &rest, &field))
		if (is_barred(field))
			buf_truncate(names, before);
}

static int
check_version(struct auth_connection *c, struct str rest, struct fault *f)
{
	struct str major;

	if (!auth_connection_field(c, &rest, &major) ||
	    !str_is(major, STR_LIT("1")))
		return fault_temp(
		    f, "4.7.0", "the protocol's version is another");
	return 0;
}

/* Reads up to DONE; names gets the mechanisms. */
static int
read_handshake(struct auth_connection *c, struct buf *names, struct fault *f)
{
	bool versioned = false;
	struct str line, word;

	for (int i = 0; i < LINES_MAX; i++) {
		if (auth_connection_read(c, &line, f) < 0)
			return -1;
		if (!auth_connection_field(c, &line, &word))
			break;
		if (str_is(word, STR_LIT("VERSION"))) {
			if (check_version(c, line, f) < 0)
				return -1;
			versioned = true;
		} else if (str_is(word, STR_LIT("MECH"))) {
			take_mechanism(c, line, names);
		} else if (str_is(word, STR_LIT("DONE"))) {
			if (versioned)
				return 0;
			break;
		}
	}
	return fault_temp(f, "4.7.0", "this is no authentication service");
}

static int
shake_hands(struct auth_connection *c, struct fault *f)
{
	struct buf names;
	int rc = -1;

	buf_init(&names, sizeof c->names - 1);
	buf_putf(
	    &c->out, "VERSION\t1\t3\nCPID\t%lu\n", (unsigned long)getpid());
	if (io_flush(c->io, &c->out, f) < 0 || read_handshake(c, &names, f) < 0)
		goto out;
	if (buf_len(&names) == 0) {
		fault_temp(f, "4.7.0",
		    "it lists no mechanisms: is this another socket of "
		    "Dovecot's?");
		goto out;
	}
	/* It fits: the buffer has that bound. */
	(void)!str_copy(buf_str(&names), c->names, sizeof c->names);
	rc = 0;
out:
	buf_clear(&names);
	return rc;
}

struct auth_connection *
auth_connection_open(
    const struct net_address *address, int64_t deadline, struct fault *f)
{
	struct auth_connection *c;
	int fd = net_connect(address, deadline, f);

	if (fd < 0)
		return NULL;
	c = mem_new(struct auth_connection);
	c->task.fd = fd;
	c->io = io_new(fd);
	io_set_deadline(c->io, deadline);
	buf_init_secret(&c->in, AUTH_LINE_MAX);
	buf_init_secret(&c->out, AUTH_LINE_MAX);
	buf_init_secret(&c->field, AUTH_LINE_MAX);
	if (shake_hands(c, f) < 0)
		auth_connection_close(&c);
	return c;
}
