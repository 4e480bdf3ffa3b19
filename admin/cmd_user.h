/* SPDX-License-Identifier: ISC */
/* What the files of posthouse user share. */
#ifndef ADMIN_CMD_USER_H
#define ADMIN_CMD_USER_H

#include "admin/cmd.h"

int cmd_user_app_add(struct cmd_line *line, struct fault *f);
int cmd_user_app_list(struct cmd_line *line, struct fault *f);
int cmd_user_app_revoke(struct cmd_line *line, struct fault *f);

#endif
