/* SPDX-License-Identifier: ISC */
/* posthouse user app-password: passwords for one program each. */
#include "config.h"

#include "admin/cmd_user.h"

#include <time.h>

#include "admin/call.h"
#include "admin/list.h"
#include "admin/trace_filter.h"
#include "base/mem.h"

/* clang-format off */
static const struct table_column columns[] = {
	{ "NAME", "name", TABLE_TEXT },
	{ "SERVICES", "services", TABLE_LIST },
	{ "CREATED", "created", TABLE_DATE },
	{ "EXPIRES", "expires", TABLE_DATE },
	{ "EXPIRED", "expired", TABLE_BOOL },
	{ "LAST USE", "used", TABLE_DATE },
	{ 0 },
};
/* clang-format on */

/* A day, to its end, or how long from now: "90d". */
static int
put_expiry(const struct cmd_line *line, json_t *params, struct fault *f)
{
	const char *text = cmd_option(line, "expires");
	int64_t now = (int64_t)time(NULL), us;

	if (text == NULL)
		return 0;
	if (!trace_parse_when(str(text), now * 1000000, true, &us))
		return fault_perm(f, "5.5.4",
		    "--expires: \"%.40s\" is neither a date (2027-01-31) nor "
		    "a time from now (90d)",
		    text);
	us /= 1000000;
	/* What is no date is read as that long ago. */
	if (!str_has(str(text), '-'))
		us = 2 * now - us;
	json_put_int(params, "expires", us);
	return 0;
}

static void
put_services(const struct cmd_line *line, json_t *params)
{
	struct str rest = str(cmd_option(line, "services"));
	json_t *array;

	if (rest.len == 0)
		return;
	array = json_new_array();
	while (rest.len > 0) {
		char *name = str_dup(str_trim(str_cut(&rest, ',')));

		json_add_text(array, name);
		mem_free(name);
	}
	json_put(params, "services", array);
}

static json_t *
new_params(const struct cmd_line *line)
{
	json_t *params = json_new_object();

	json_put_text(params, "user", line->args[0]);
	if (line->n_args > 1)
		json_put_text(params, "name", line->args[1]);
	return params;
}

int
cmd_user_app_add(struct cmd_line *line, struct fault *f)
{
	json_t *params = new_params(line), *result = NULL;

	put_services(line, params);
	if (put_expiry(line, params, f) < 0) {
		json_free(&params);
		return -1;
	}
	if (call_once(
		line, PLACE_AUTHD, "app_password.add", params, &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	else
		fprintf(line->out, "%s\n", json_get_text(result, "password"));
	json_free(&result);
	return 0;
}

int
cmd_user_app_list(struct cmd_line *line, struct fault *f)
{
	static const struct list apps = {
	    PLACE_AUTHD, "app_password.list", "app_passwords", columns};

	return list_print(line, &apps, new_params(line), f);
}

int
cmd_user_app_revoke(struct cmd_line *line, struct fault *f)
{
	return call_once(line, PLACE_AUTHD, "app_password.revoke",
	    new_params(line), NULL, f);
}
