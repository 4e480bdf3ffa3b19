/* SPDX-License-Identifier: ISC */
/* posthouse user set --node, --moving: where a mailbox is kept. */
#include "config.h"

#include "admin/cmd_user.h"

#include <string.h>

#include "admin/place.h"
#include "auth/options.h"

/* One that authd does not know would have the user's mail wait for ever. */
static int
check_node(const struct cmd_line *line, const char *node, struct fault *f)
{
	struct conf *conf;
	bool known;

	if (node[0] == '\0')
		return 0;
	conf = place_read_conf(line->file, false, f);
	if (conf == NULL)
		return -1;
	known = authd_options_node(conf_get(conf, &authd_table), node) != NULL;
	conf_free(&conf);
	return known ? 0
		     : fault_perm(f, "5.5.4",
			   "the section authd has no node \"%.80s\"", node);
}

int
cmd_user_put_node(const struct cmd_line *line, json_t *params, struct fault *f)
{
	const char *node = cmd_option(line, "node");
	const char *moving = cmd_option(line, "moving");

	if (moving != NULL && strcmp(moving, "on") != 0 &&
	    strcmp(moving, "off") != 0)
		return fault_perm(f, "5.5.4", "--moving: on or off");
	if (node != NULL && strcmp(node, "-") == 0)
		node = "";
	if (node != NULL && check_node(line, node, f) < 0)
		return -1;
	if (node != NULL)
		json_put_text(params, "node", node);
	if (moving != NULL)
		json_put_bool(params, "moving", strcmp(moving, "on") == 0);
	return (node != NULL) + (moving != NULL);
}
