/* SPDX-License-Identifier: ISC */
/*
 * Which messages of one mailbox a command is to take: all, all of a folder, or
 * those that the index finds (admin/select.h). It is asked once, before
 * anything is done; what comes later is not among them.
 */
#ifndef ADMIN_CHOSEN_H
#define ADMIN_CHOSEN_H

#include <stdbool.h>

#include "admin/cmd.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/map.h"
#include "store/mailbox.h"

struct chosen {
	bool is_folder; /* only of this one */
	struct mailbox_folder folder;
	bool is_found; /* only those in found */
	struct map found;
	struct arena arena;
};

/*
 * By the options of the command line. This process stays who it is: another asks,
 * which may have to open the store. Embedded; chosen_clear() in any case.
 */
int chosen_read(struct chosen *chosen, const struct cmd_line *line,
    const struct mailbox_name *mailbox, struct fault *f) MUST_USE;
void chosen_clear(struct chosen *chosen);

/* All of the mailbox, with its folders. */
bool chosen_is_all(const struct chosen *chosen);
/* Some of the folder may be among them. */
bool chosen_has_folder(
    const struct chosen *chosen, const struct mailbox_folder *folder);
/* This one, by its base name. */
bool chosen_has(const struct chosen *chosen,
    const struct mailbox_folder *folder, struct str base);

#endif
