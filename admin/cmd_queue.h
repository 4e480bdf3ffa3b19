/* SPDX-License-Identifier: ISC */
/* A queued message as people read it. Objects are those of queue.list and
 * queue.show (mta/queue/methods.h). */
#ifndef ADMIN_CMD_QUEUE_H
#define ADMIN_CMD_QUEUE_H

#include <stdio.h>

#include "base/json.h"

/* A line, and one for each recipient. */
void queue_print_message(FILE *out, const json_t *message);
/* All of it, the header section too. */
void queue_print_whole(FILE *out, const json_t *message);

#endif
