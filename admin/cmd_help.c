/* SPDX-License-Identifier: ISC */
/* posthouse help and version. */
#include "config.h"

#include "admin/cmd.h"
#include "admin/list.h"

static int help(struct cmd_line *line, struct fault *f);
static int version(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_version[] = {
	{ "version", NULL, "", 0, 0, CMD_JSON,
	  "of this program", version },
	{ 0 },
};
const struct cmd cmd_help[] = {
	{ "help", NULL, "[COMMAND]", 0, 2, 0,
	  "what there is", help },
	{ 0 },
};
/* clang-format on */

static int
help(struct cmd_line *line, struct fault *f)
{
	return cmd_help_on(line->out, line->args, line->n_args, f);
}

static int
version(struct cmd_line *line, struct fault *f)
{
	json_t *object;

	(void)f;
	if (!line->json) {
		fputs("posthouse " PACKAGE_VERSION "\n", line->out);
		return 0;
	}
	object = json_new_object();
	json_put_text(object, "version", PACKAGE_VERSION);
	list_print_json(line, object);
	json_free(&object);
	return 0;
}
