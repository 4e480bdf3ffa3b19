/* SPDX-License-Identifier: ISC */
/* What the files of posthouse user share. */
#ifndef ADMIN_CMD_USER_H
#define ADMIN_CMD_USER_H

#include "admin/cmd.h"
#include "base/json.h"

int cmd_user_app_add(struct cmd_line *line, struct fault *f);
int cmd_user_app_list(struct cmd_line *line, struct fault *f);
int cmd_user_app_revoke(struct cmd_line *line, struct fault *f);
int cmd_user_move(struct cmd_line *line, struct fault *f);
/* The option --node, which the configuration must have, into params; how many
 * were given, or -1. */
int cmd_user_put_node(
    const struct cmd_line *line, json_t *params, struct fault *f);

#endif
