/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/sts.h"

#include "proto/domain.h"
#include "proto/txt_record.h"

static const char *const mode_names[] = {
    [STS_NONE] = "none",
    [STS_TESTING] = "testing",
    [STS_ENFORCE] = "enforce",
};

const char *
sts_mode_name(enum sts_mode mode)
{
	return mode_names[mode];
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* The record. */

#define VERSION_FIELD "v=STSv1"

bool
sts_is_record(struct str text)
{
	return txt_record_is(text, VERSION_FIELD);
}

bool
sts_parse_record(struct str text, struct str *id)
{
	if (!txt_record_take(text, VERSION_FIELD, "id", id) ||
	    id->len > STS_ID_MAX)
		return false;
	for (size_t i = 0; i < id->len; i++)
		if (!is_alnum(id->at[i]))
			return false;
	return true;
}

/* The policy. */

/* What of it was seen. */
struct reading {
	struct sts_policy *policy;
	bool version, mode, max_age;
	struct fault *fault;
};

static int
refuse(struct reading *r, const char *what, struct str value)
{
	return fault_perm(r->fault, "5.7.0", "%s: \"%.*s\"", what,
	    STR_ARG(str_head(value, 80)));
}

static int
read_version(struct reading *r, struct str value)
{
	if (r->version)
		return 0;
	r->version = true;
	return str_is(value, str("STSv1"))
		   ? 0
		   : refuse(r, "version is not STSv1", value);
}

static int
read_mode(struct reading *r, struct str value)
{
	if (r->mode)
		return 0;
	r->mode = true;
	for (size_t i = 0; i < ARRAY_LEN(mode_names); i++) {
		if (str_is(value, str(mode_names[i]))) {
			r->policy->mode = (enum sts_mode)i;
			return 0;
		}
	}
	return refuse(r, "unknown mode", value);
}

static int
read_max_age(struct reading *r, struct str value)
{
	uint64_t seconds;

	if (r->max_age)
		return 0;
	r->max_age = true;
	if (value.len > 10 || !str_to_u64(value, 0, UINT64_MAX, &seconds))
		return refuse(r, "max_age is no number of seconds", value);
	r->policy->max_age =
	    seconds < STS_AGE_MAX ? (uint32_t)seconds : STS_AGE_MAX;
	return 0;
}

static int
read_mx(struct reading *r, struct str value)
{
	struct sts_policy *p = r->policy;
	struct str name;

	if (str_ends(value, str(".")))
		value = str_head(value, value.len - 1);
	name = str_starts(value, str("*.")) ? str_from(value, 2) : value;
	if (!domain_is_ascii_name(name))
		return refuse(r, "mx is no host name", value);
	if (p->n_mx == STS_MX_MAX)
		return refuse(r, "too many mx", value);
	p->mx[p->n_mx++] = value;
	return 0;
}

static int
read_line(struct reading *r, struct str line)
{
	static const struct {
		const char *key;
		int (*read)(struct reading *r, struct str value);
	} keys[] = {
	    {"version", read_version},
	    {"mode", read_mode},
	    {"max_age", read_max_age},
	    {"mx", read_mx},
	};
	struct str rest = line, key;

	if (!str_has(line, ':'))
		return refuse(r, "a line without a key", line);
	key = str_trim(str_cut(&rest, ':'));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (str_is(key, str(keys[i].key)))
			return keys[i].read(r, str_trim(rest));
	return 0;
}

static int
check_whole(struct reading *r)
{
	const char *missing = NULL;

	if (!r->version)
		missing = "version";
	else if (!r->mode)
		missing = "mode";
	else if (!r->max_age)
		missing = "max_age";
	else if (r->policy->mode != STS_NONE && r->policy->n_mx == 0)
		missing = "mx";
	if (missing == NULL)
		return 0;
	return fault_perm(r->fault, "5.7.0", "there is no %s", missing);
}

int
sts_parse_policy(struct str text, struct sts_policy *policy, struct fault *f)
{
	struct reading r = {.policy = policy, .fault = f};

	*policy = (struct sts_policy){0};
	if (text.len > STS_TEXT_MAX)
		return fault_perm(f, "5.7.0", "the policy is too long");
	while (text.len > 0) {
		struct str line = str_cut(&text, '\n');

		if (str_ends(line, str("\r")))
			line = str_head(line, line.len - 1);
		line = str_trim(line);
		if (line.len > 0 && read_line(&r, line) < 0)
			return -1;
	}
	return check_whole(&r);
}

void
sts_put_policy(struct buf *b, const struct sts_policy *p)
{
	buf_putf(b, "version: STSv1\nmode: %s\n", mode_names[p->mode]);
	for (size_t i = 0; i < p->n_mx; i++)
		buf_putf(b, "mx: %.*s\n", STR_ARG(p->mx[i]));
	buf_putf(b, "max_age: %u\n", p->max_age);
}

static bool
matches(struct str pattern, struct str host)
{
	if (!str_starts(pattern, str("*.")))
		return str_is_nocase(pattern, host);
	/* One label, whatever it is. */
	return str_find(host, '.') > 0 &&
	       str_is_nocase(
		   str_from(pattern, 1), str_from(host, str_find(host, '.')));
}

bool
sts_has_mx(const struct sts_policy *policy, struct str host)
{
	for (size_t i = 0; i < policy->n_mx; i++)
		if (matches(policy->mx[i], host))
			return true;
	return false;
}
