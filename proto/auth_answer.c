/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/auth_answer.h"

#include <string.h>

#include "base/crypto.h"

enum { LINES_MAX = 100 }; /* before one that counts */

/* As much as fits: it is for the logs only. */
static void
copy_head(struct str text, char *to, size_t size)
{
	if (!str_copy(str_head(text, size - 1), to, size))
		to[0] = '\0';
}

/* Whether the next field is the number of our request. */
static bool
is_ours(struct auth_connection *c, struct str *rest)
{
	struct str field;
	uint64_t id;

	return auth_connection_field(c, rest, &field) &&
	       str_to_u64(field, 1, UINT32_MAX, &id) && id == c->id;
}

/* After this the connection is of no more use. */
static enum auth_result
broken(struct auth_connection *c, struct fault *f)
{
	c->broken = true;
	fault_temp(
	    f, "4.7.0", "the authentication service gave no proper answer");
	return AUTH_TEMP;
}

static enum auth_result
take_ok(struct auth_connection *c, struct str rest, struct buf *user,
    struct fault *f)
{
	struct str field;

	buf_reset(user);
	while (auth_connection_field(c, &rest, &field)) {
		struct str name = field, key = str_cut(&name, '=');

		if (!str_is(key, STR_LIT("user")) || name.len == 0)
			continue;
		buf_put_str(user, name);
		if (!buf_is_full(user))
			return AUTH_OK;
	}
	buf_reset(user);
	return broken(c, f);
}

/* "code=" came with 2.3; before, there was a bare "temp". The reason is the
 * server's own and for the log. */
static enum auth_result
take_fail(struct auth_connection *c, struct str rest, struct fault *f)
{
	char reason[120] = "", code[40] = "";
	struct str field;
	bool temp = false;

	while (auth_connection_field(c, &rest, &field)) {
		struct str value = field, key = str_cut(&value, '=');

		if (str_is(key, STR_LIT("temp")))
			temp = true;
		else if (str_is(key, STR_LIT("reason")))
			copy_head(value, reason, sizeof reason);
		else if (str_is(key, STR_LIT("code")))
			copy_head(value, code, sizeof code);
	}
	if (temp || strcmp(code, "temp_fail") == 0) {
		fault_temp(f, "4.7.0", "temporary failure%s%s",
		    reason[0] != '\0' ? ": " : "", reason);
		return AUTH_TEMP;
	}
	fault_perm(f, "5.7.8", "%s%s%s",
	    code[0] != '\0' ? code : "bad credentials",
	    reason[0] != '\0' ? ": " : "", reason);
	return AUTH_FAILED;
}

static enum auth_result
take_challenge(struct auth_connection *c, struct str rest,
    struct buf *challenge, struct fault *f)
{
	struct str field;

	buf_reset(challenge);
	if (!auth_connection_field(c, &rest, &field) ||
	    !crypto_base64_take(challenge, field))
		return broken(c, f);
	while (auth_connection_field(c, &rest, &field)) {
		struct str type = field, key = str_cut(&type, '=');

		if (str_is(key, STR_LIT("channel_binding")) &&
		    !str_copy(type, c->binding, sizeof c->binding))
			return broken(c, f);
	}
	return AUTH_CONTINUE;
}

/* One line: true where it is the answer. The protocol wants words that are
 * not known to be passed over. */
static bool
take_answer(struct auth_connection *c, struct str line, struct auth_answer *a,
    struct fault *f)
{
	struct str field, rest = line;
	bool ok, fail;

	if (!auth_connection_field(c, &rest, &field))
		field = (struct str){0};
	ok = str_is(field, STR_LIT("OK"));
	fail = str_is(field, STR_LIT("FAIL"));
	if (!ok && !fail && !str_is(field, STR_LIT("CONT")))
		return false;
	if (!is_ours(c, &rest))
		a->result = broken(c, f);
	else if (ok)
		a->result = take_ok(c, rest, a->user, f);
	else if (fail)
		a->result = take_fail(c, rest, f);
	else
		a->result = take_challenge(c, rest, a->challenge, f);
	return true;
}

int
auth_answer_read(
    struct auth_connection *c, struct auth_answer *a, struct fault *f)
{
	struct str line;

	for (int i = 0; i < LINES_MAX; i++) {
		if (auth_connection_read(c, &line, f) < 0)
			return -1;
		if (take_answer(c, line, a, f))
			return 0;
	}
	a->result = broken(c, f);
	return 0;
}
