/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/policy.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 200 }; /* bytes of a refusal's reason */

/* Requests. */

enum policy_result
policy_take(struct str in, struct str *lines, size_t *used)
{
	struct str rest = in;

	for (;;) {
		struct str line = str_cut(&rest, '\n');

		if (rest.at == NULL)
			return in.len >= POLICY_REQUEST_MAX ? POLICY_BAD
							    : POLICY_MORE;
		if (str_ends(line, STR_LIT("\r")))
			line.len--;
		if (line.len == 0) {
			*used = (size_t)(rest.at - in.at);
			*lines = str_n(in.at, (size_t)(line.at - in.at));
			return *used <= POLICY_REQUEST_MAX ? POLICY_OK
							   : POLICY_BAD;
		}
		if (!str_has(line, '='))
			return POLICY_BAD;
	}
}

bool
policy_get(struct str lines, const char *name, struct str *value)
{
	while (lines.len > 0) {
		struct str line = str_cut(&lines, '\n');

		if (str_ends(line, STR_LIT("\r")))
			line.len--;
		*value = line;
		if (str_is(str_cut(value, '='), str(name)))
			return true;
	}
	return false;
}

void
policy_put(struct buf *out, const char *name, struct str value)
{
	buf_putf(out, "%s=", name);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		buf_putc(out, c == '\n' || c == '\r' || c == '\0' ? '?' : c);
	}
	buf_putc(out, '\n');
}

void
policy_put_end(struct buf *out)
{
	buf_putc(out, '\n');
}

/* Answers. */

/* As an SMTP server says the same. */
static unsigned
code_of(const struct fault *f)
{
	bool is_full = str_ends(str(f->dsn), STR_LIT(".2.2")) ||
		       str_ends(str(f->dsn), STR_LIT(".3.4"));

	if (f->kind == FAULT_TEMP)
		return is_full ? 452 : 451;
	return is_full ? 552 : 550;
}

void
policy_put_answer(struct buf *out, const struct fault *fault)
{
	char text[sizeof fault->text + sizeof fault->dsn + 16];

	if (fault == NULL)
		snprintf(text, sizeof text, "DUNNO");
	else
		snprintf(text, sizeof text, "%u %s %s", code_of(fault),
		    fault->dsn, fault->text);
	policy_put(out, "action", str(text));
	policy_put_end(out);
}

static const struct {
	const char *word;
	bool refuses, is_temporary;
} words[] = {
    {"REJECT", true, false},
    {"DEFER", true, true},
    {"DEFER_IF_PERMIT", true, true},
    {"DEFER_IF_REJECT", true, true},
};

static int
refuse(bool is_temporary, const char *dsn, struct str text, struct fault *f)
{
	char clean[TEXT_MAX + 1] = "refused by a policy";

	text = str_head(text, TEXT_MAX);
	for (size_t i = 0; i < text.len; i++)
		clean[i] = (unsigned char)text.at[i] < ' ' ? '?' : text.at[i];
	if (text.len > 0)
		clean[text.len] = '\0';
	if (is_temporary)
		fault_temp(f, dsn, "%s", clean);
	else
		fault_perm(f, dsn, "%s", clean);
	fault_take_code(f);
	return -1;
}

/* "4xx text" or "5xx text". */
static bool
is_reply(struct str word)
{
	uint64_t code;

	return word.len == 3 && str_to_u64(word, 400, 599, &code);
}

int
policy_parse_action(struct str action, struct fault *f)
{
	struct str text = str_trim(action), word = str_cut(&text, ' ');

	text = str_trim(text);
	if (is_reply(word)) {
		bool is_temporary = word.at[0] == '4';
		bool is_full = str_is(str_from(word, 1), STR_LIT("52"));

		return refuse(is_temporary,
		    is_full        ? is_temporary ? "4.2.2" : "5.2.2"
		    : is_temporary ? "4.7.1"
				   : "5.7.1",
		    text, f);
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_is_nocase(word, str(words[i].word)))
			return refuse(words[i].is_temporary,
			    words[i].is_temporary ? "4.7.1" : "5.7.1", text, f);
	return 0;
}
