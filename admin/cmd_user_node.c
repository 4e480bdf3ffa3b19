/* SPDX-License-Identifier: ISC */
/* posthouse user set --node: where a mailbox is kept. */
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

	if (node == NULL)
		return 0;
	if (strcmp(node, "-") == 0)
		node = "";
	if (check_node(line, node, f) < 0)
		return -1;
	json_put_text(params, "node", node);
	return 1;
}
