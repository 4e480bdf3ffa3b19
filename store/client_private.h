/* SPDX-License-Identifier: ISC */
/* What the files of store/client.h share. */
#ifndef STORE_CLIENT_PRIVATE_H
#define STORE_CLIENT_PRIVATE_H

#include "store/client.h"

enum { CLIENT_PATH_SIZE = MAILDIR_NAME_SIZE + 8 };

/* "cur/<file>" */
void client_path(const struct client_entry *entry, char path[CLIENT_PATH_SIZE]);

/*
 * Calls act() with the message's path in the folder, and again with another as
 * long as others give it other flags: 1 when it returned 0; 0 where the message
 * is gone; -1 with errno, which act() sets and returns -1.
 */
int client_try(const struct client_folder *folder, struct client_list *list,
    struct client_entry *entry, int (*act)(void *ctx, const char *path),
    void *ctx) MUST_USE;

#endif
