/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "admin/quota.h"

#include <string.h>

#include "base/conf.h"
#include "base/str.h"

/* As the directory has it: auth/directory.h. */
#define LIMIT_MAX (UINT64_C(1) << 60)

static const struct option {
	const char *name, *key;
	bool is_size;
} options[][2] = {
    [QUOTA_OF_USER] = {{"quota", "quota", true},
	{"quota-messages", "quota_messages", false}},
    [QUOTA_OF_DOMAIN] = {{"quota", "quota", true},
	{"quota-messages", "quota_messages", false}},
    [QUOTA_OF_DOMAIN_USERS] = {{"user-quota", "user_quota", true},
	{"user-quota-messages", "user_quota_messages", false}},
};

/* 0: unset; -1: none. */
static bool
parse(const struct option *o, enum quota_whose whose, const char *text,
    int64_t *limit)
{
	bool is_user = whose == QUOTA_OF_USER;
	uint64_t n;

	if (strcmp(text, "none") == 0) {
		*limit = is_user ? -1 : 0;
		return true;
	}
	if (text[0] == '\0' || (is_user && strcmp(text, "default") == 0)) {
		*limit = 0;
		return true;
	}
	if (o->is_size ? !conf_parse_size(str(text), &n)
		       : !str_to_u64(str(text), 0, LIMIT_MAX, &n))
		return false;
	*limit = (int64_t)n;
	return n > 0 && n <= LIMIT_MAX;
}

int
quota_take_options(const struct cmd_line *line, enum quota_whose whose,
    json_t *params, struct fault *f)
{
	static const char sizes[] = "a size like 500M or 2G";
	int given = 0;

	for (size_t i = 0; i < ARRAY_LEN(options[whose]); i++) {
		const struct option *o = &options[whose][i];
		const char *text = cmd_option(line, o->name);
		int64_t limit;

		if (text == NULL)
			continue;
		if (!parse(o, whose, text, &limit))
			return fault_perm(f, "5.5.4",
			    "--%s: \"%.40s\" is no limit: %s, none%s", o->name,
			    text, o->is_size ? sizes : "a number",
			    whose == QUOTA_OF_USER ? " or default" : "");
		json_put_int(params, o->key, limit);
		given++;
	}
	return given;
}
