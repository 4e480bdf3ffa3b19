/* SPDX-License-Identifier: ISC */
/* Requests to authdaemond, line by line. */
#include "config.h"

#include "proto/authdaemon.h"

/* False where there is no whole line. */
static bool
take_line(struct str *rest, struct str *line)
{
	size_t end = str_find(*rest, '\n');

	if (end == rest->len)
		return false;
	*line = str_head(*rest, end);
	*rest = str_from(*rest, end + 1);
	return true;
}

/* "service LF login LF user LF password LF"; the last LF may be missing. */
static void
take_data(struct str data, struct authdaemon_request *r)
{
	struct str type;

	r->service = str_cut(&data, '\n');
	type = str_cut(&data, '\n');
	r->user = str_cut(&data, '\n');
	r->password = str_cut(&data, '\n');
	r->verb = str_is(type, STR_LIT("login")) && r->password.at != NULL
		      ? AUTHDAEMON_AUTH
		      : AUTHDAEMON_OTHER;
}

static enum authdaemon_result
take_auth(struct str count, struct str *rest, struct authdaemon_request *r)
{
	uint64_t n;

	if (!str_to_u64(count, 0, AUTHDAEMON_DATA_MAX, &n))
		return AUTHDAEMON_BAD;
	if (rest->len < n)
		return AUTHDAEMON_MORE;
	take_data(str_head(*rest, (size_t)n), r);
	*rest = str_from(*rest, (size_t)n);
	return AUTHDAEMON_OK;
}

static enum authdaemon_result
take_pre(struct str words, struct authdaemon_request *r)
{
	struct str dot = str_cut(&words, ' ');

	r->service = str_cut(&words, ' ');
	r->user = words;
	if (!str_is(dot, STR_LIT(".")) || r->user.len == 0)
		return AUTHDAEMON_BAD;
	r->verb = AUTHDAEMON_PRE;
	return AUTHDAEMON_OK;
}

static bool
is_setting(struct str line)
{
	struct str value = line, name = str_cut(&value, '=');

	return value.at != NULL && name.len > 0 && !str_has(name, ' ');
}

static void
take_setting(struct str line, struct authdaemon_request *r)
{
	struct str value = line, name = str_cut(&value, '=');

	if (str_is(name, STR_LIT("TCPREMOTEIP")))
		r->client = value;
}

static enum authdaemon_result
take_request(struct str *rest, struct authdaemon_request *r)
{
	struct str line, verb;

	for (;;) {
		if (!take_line(rest, &line))
			return AUTHDAEMON_MORE;
		if (!is_setting(line))
			break;
		take_setting(line, r);
	}
	verb = str_cut(&line, ' ');
	if (str_is(verb, STR_LIT("PRE")))
		return take_pre(line, r);
	if (str_is(verb, STR_LIT("AUTH")))
		return take_auth(line, rest, r);
	r->verb = str_is(verb, STR_LIT("ENUMERATE")) && line.at == NULL
		      ? AUTHDAEMON_ENUMERATE
		      : AUTHDAEMON_OTHER;
	return AUTHDAEMON_OK;
}

enum authdaemon_result
authdaemon_take(struct str in, struct authdaemon_request *r, size_t *used)
{
	struct str rest = str_head(in, AUTHDAEMON_REQUEST_MAX);
	size_t had = rest.len;
	enum authdaemon_result result;

	*r = (struct authdaemon_request){.verb = AUTHDAEMON_OTHER};
	result = take_request(&rest, r);
	if (result == AUTHDAEMON_MORE && had == AUTHDAEMON_REQUEST_MAX)
		return AUTHDAEMON_BAD;
	if (result == AUTHDAEMON_OK)
		*used = had - rest.len;
	return result;
}

void
authdaemon_put(struct buf *out, const char *name, struct str value)
{
	buf_puts(out, name);
	buf_putc(out, '=');
	buf_put_str(out, value);
	buf_putc(out, '\n');
}

/* Home and Maildir are one; options there are none. */
void
authdaemon_put_user(struct buf *out, struct str name, unsigned long uid,
    unsigned long gid, const char *home)
{
	buf_put_str(out, name);
	buf_putf(out, "\t%lu\t%lu\t%s\t%s\t\n", uid, gid, home, home);
}

void
authdaemon_put_end(struct buf *out)
{
	buf_puts(out, ".\n");
}

void
authdaemon_put_fail(struct buf *out)
{
	buf_puts(out, "FAIL\n");
}
