/* SPDX-License-Identifier: ISC */
/* posthouse domain: which domains are ours. */
#include "config.h"

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/quota.h"

static int add(struct cmd_line *line, struct fault *f);
static int del(struct cmd_line *line, struct fault *f);
static int list(struct cmd_line *line, struct fault *f);
static int set(struct cmd_line *line, struct fault *f);
static int show(struct cmd_line *line, struct fault *f);

#define QUOTAS                                \
	QUOTA_OPTIONS " [--user-quota SIZE] " \
		      "[--user-quota-messages N]"

/* clang-format off */
const struct cmd cmd_domain[] = {
	{ "domain", "add", "DOMAIN", 1, 1, 0,
	  "take mail for a domain", add },
	{ "domain", "del", "DOMAIN", 1, 1, 0,
	  "no longer; it must be empty", del },
	{ "domain", "list", "", 0, 0, CMD_JSON,
	  "all domains", list },
	{ "domain", "show", "DOMAIN", 1, 1, CMD_JSON,
	  "all about one", show },
	{ "domain", "set", "DOMAIN " QUOTAS, 1, 1, 0,
	  "what its mailboxes, and each of them, may hold", set },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "DOMAIN", "domain", TABLE_TEXT },
	{ "QUOTA", "quota", TABLE_SIZE_LIMIT },
	{ "USER QUOTA", "user_quota", TABLE_SIZE_LIMIT },
	{ 0 },
};

static const struct table_column fields[] = {
	{ "domain", "domain", TABLE_TEXT },
	{ "quota", "quota", TABLE_SIZE_LIMIT },
	{ "quota messages", "quota_messages", TABLE_LIMIT },
	{ "user quota", "user_quota", TABLE_SIZE_LIMIT },
	{ "user quota messages", "user_quota_messages", TABLE_LIMIT },
	{ 0 },
};
/* clang-format on */

static json_t *
params_of(const struct cmd_line *line)
{
	json_t *params = json_new_object();

	json_put_text(params, "domain", line->args[0]);
	return params;
}

static int
change(struct cmd_line *line, const char *method, struct fault *f)
{
	return call_once(line, PLACE_AUTHD, method, params_of(line), NULL, f);
}

static int
add(struct cmd_line *line, struct fault *f)
{
	return change(line, "domain.add", f);
}

static int
del(struct cmd_line *line, struct fault *f)
{
	return change(line, "domain.del", f);
}

static int
list(struct cmd_line *line, struct fault *f)
{
	static const struct list domains = {
	    PLACE_AUTHD, "domain.list", "domains", columns};

	return list_print(line, &domains, json_new_object(), f);
}

/* Those that were given; how many. */
static int
put_changes(const struct cmd_line *line, json_t *params, struct fault *f)
{
	int total = quota_take_options(line, QUOTA_OF_DOMAIN, params, f);
	int user = total < 0 ? -1
			     : quota_take_options(
				   line, QUOTA_OF_DOMAIN_USERS, params, f);

	return user < 0 ? -1 : total + user;
}

static int
set(struct cmd_line *line, struct fault *f)
{
	json_t *params = params_of(line);
	int n = put_changes(line, params, f);

	return call_set(line, "domain.set", params, n, f);
}

static int
show(struct cmd_line *line, struct fault *f)
{
	static const struct list one = {
	    PLACE_AUTHD, "domain.get", NULL, fields};

	return list_print_one(line, &one, params_of(line), f);
}
