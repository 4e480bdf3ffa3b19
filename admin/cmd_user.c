/* SPDX-License-Identifier: ISC */
/* posthouse user: who has a mailbox, and who may log in. */
#include "config.h"

#include <string.h>

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/cmd_user.h"
#include "admin/list.h"
#include "admin/password.h"
#include "admin/quota.h"

static int add(struct cmd_line *line, struct fault *f);
static int del(struct cmd_line *line, struct fault *f);
static int list(struct cmd_line *line, struct fault *f);
static int passwd(struct cmd_line *line, struct fault *f);
static int disable(struct cmd_line *line, struct fault *f);
static int enable(struct cmd_line *line, struct fault *f);
static int set(struct cmd_line *line, struct fault *f);
static int show(struct cmd_line *line, struct fault *f);
static int add_sender(struct cmd_line *line, struct fault *f);
static int del_sender(struct cmd_line *line, struct fault *f);
static int list_senders(struct cmd_line *line, struct fault *f);

#define SWITCHES "[--main-password on|off] [--send on|off] [--receive on|off]"
#define NODE " [--node NODE] [--moving on|off]"

/* clang-format off */
const struct cmd cmd_user[] = {
	{ "user", "add", "NAME " QUOTA_OPTIONS, 1, 1, 0,
	  "make a user; the password is asked for", add },
	{ "user", "del", "NAME", 1, 1, 0,
	  "no more mail and log-ins; the mailbox stays", del },
	{ "user", "list", "[DOMAIN]", 0, 1, CMD_JSON,
	  "all users, or a domain's", list },
	{ "user", "passwd", "NAME", 1, 1, 0,
	  "a new password, which is asked for", passwd },
	{ "user", "disable", "NAME", 1, 1, 0,
	  "no log-ins, and mail is refused", disable },
	{ "user", "enable", "NAME", 1, 1, 0,
	  "undo disable", enable },
	{ "user", "show", "NAME", 1, 1, CMD_JSON,
	  "all about one", show },
	{ "user", "set", "NAME " SWITCHES " " QUOTA_OPTIONS NODE, 1, 1, 0,
	  "what the user may do, and hold", set },
	{ "user", "move", "NAME NODE --to DESTINATION", 2, 2, 0,
	  "take the mailbox to another store node", cmd_user_move },
	{ "user", "app-password add",
	  "NAME APP [--services LIST] [--expires TIME]", 2, 2, CMD_JSON,
	  "a password for one program, shown once", cmd_user_app_add },
	{ "user", "app-password list", "NAME", 1, 1, CMD_JSON,
	  "all of a user's", cmd_user_app_list },
	{ "user", "app-password revoke", "NAME APP", 2, 2, 0,
	  "no longer", cmd_user_app_revoke },
	{ "user", "sender add", "NAME ADDRESS", 2, 2, 0,
	  "let the user send as another address, or @DOMAIN", add_sender },
	{ "user", "sender del", "NAME ADDRESS", 2, 2, 0,
	  "no longer", del_sender },
	{ "user", "sender list", "[NAME]", 0, 1, CMD_JSON,
	  "what was allowed so", list_senders },
	{ 0 },
};

static const struct table_column sender_columns[] = {
	{ "ADDRESS", "address", TABLE_TEXT },
	{ "USERS", "users", TABLE_LIST },
	{ 0 },
};

static const struct table_column fields[] = {
	{ "user", "user", TABLE_TEXT },
	{ "password", "password", TABLE_BOOL },
	{ "main password", "main_password", TABLE_BOOL },
	{ "send", "send", TABLE_BOOL },
	{ "receive", "receive", TABLE_BOOL },
	{ "quota", "quota", TABLE_SIZE_LIMIT },
	{ "quota messages", "quota_messages", TABLE_LIMIT },
	{ "node", "node", TABLE_TEXT },
	{ "moving", "moving", TABLE_BOOL },
	{ "disabled", "disabled", TABLE_BOOL },
	{ "created", "created", TABLE_DATE },
	{ "changed", "changed", TABLE_DATE },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "USER", "user", TABLE_TEXT },
	{ "DISABLED", "disabled", TABLE_BOOL },
	{ "QUOTA", "quota", TABLE_SIZE_LIMIT },
	{ "CREATED", "created", TABLE_DATE },
	{ "CHANGED", "changed", TABLE_DATE },
	{ 0 },
};
/* clang-format on */

static json_t *
params_of(const struct cmd_line *line)
{
	json_t *params = json_new_object();

	json_put_text(params, "user", line->args[0]);
	return params;
}

static int
change(struct cmd_line *line, const char *method, struct fault *f)
{
	return call_once(line, PLACE_AUTHD, method, params_of(line), NULL, f);
}

/* Takes params. */
static int
change_with_password(
    struct cmd_line *line, const char *method, json_t *params, struct fault *f)
{
	struct buf password;
	int rc = -1;

	buf_init_secret(&password, PASSWORD_MAX);
	if (password_read(line->args[0], &password, f) == 0) {
		json_put_str(params, "password", buf_str(&password));
		rc = call_once(line, PLACE_AUTHD, method, params, NULL, f);
	} else {
		json_free(&params);
	}
	buf_clear(&password);
	return rc;
}

static int
add(struct cmd_line *line, struct fault *f)
{
	json_t *params = params_of(line);

	if (quota_take_options(line, QUOTA_OF_USER, params, f) < 0) {
		json_free(&params);
		return -1;
	}
	return change_with_password(line, "user.add", params, f);
}

static int
del(struct cmd_line *line, struct fault *f)
{
	return change(line, "user.del", f);
}

static int
passwd(struct cmd_line *line, struct fault *f)
{
	return change_with_password(line, "user.passwd", params_of(line), f);
}

static int
disable(struct cmd_line *line, struct fault *f)
{
	return change(line, "user.disable", f);
}

static int
enable(struct cmd_line *line, struct fault *f)
{
	return change(line, "user.enable", f);
}

/* The switches that were given; how many. */
static int
put_switches(const struct cmd_line *line, json_t *params, struct fault *f)
{
	static const struct {
		const char *option, *key;
	} switches[] = {
	    {"main-password", "main_password"},
	    {"send", "send"},
	    {"receive", "receive"},
	    {"moving", "moving"},
	};
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		const char *value = cmd_option(line, switches[i].option);

		if (value == NULL)
			continue;
		if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
			return fault_perm(
			    f, "5.5.4", "--%s: on or off", switches[i].option);
		json_put_bool(
		    params, switches[i].key, strcmp(value, "on") == 0);
		n++;
	}
	return n;
}

/* Those that were given; how many. */
static int
put_changes(const struct cmd_line *line, json_t *params, struct fault *f)
{
	int switches = put_switches(line, params, f);
	int quotas = switches < 0
			 ? -1
			 : quota_take_options(line, QUOTA_OF_USER, params, f);
	int nodes = quotas < 0 ? -1 : cmd_user_put_node(line, params, f);

	return nodes < 0 ? -1 : switches + quotas + nodes;
}

static int
set(struct cmd_line *line, struct fault *f)
{
	json_t *params = params_of(line);
	int n = put_changes(line, params, f);

	return call_set(line, "user.set", params, n, f);
}

static int
show(struct cmd_line *line, struct fault *f)
{
	static const struct list one = {PLACE_AUTHD, "user.get", NULL, fields};

	return list_print_one(line, &one, params_of(line), f);
}

static int
list(struct cmd_line *line, struct fault *f)
{
	static const struct list users = {
	    PLACE_AUTHD, "user.list", "users", columns};
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "domain", line->args[0]);
	return list_print(line, &users, params, f);
}

static int
change_sender(struct cmd_line *line, const char *method, struct fault *f)
{
	json_t *params = params_of(line);

	json_put_text(params, "address", line->args[1]);
	return call_once(line, PLACE_AUTHD, method, params, NULL, f);
}

static int
add_sender(struct cmd_line *line, struct fault *f)
{
	return change_sender(line, "sender.add", f);
}

static int
del_sender(struct cmd_line *line, struct fault *f)
{
	return change_sender(line, "sender.del", f);
}

static int
list_senders(struct cmd_line *line, struct fault *f)
{
	static const struct list senders = {
	    PLACE_AUTHD, "sender.list", "senders", sender_columns};
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "user", line->args[0]);
	return list_print(line, &senders, params, f);
}
