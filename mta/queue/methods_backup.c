/* SPDX-License-Identifier: ISC */
/* The operator's method that copies the queue. */
#include "config.h"

#include <limits.h>
#include <stdio.h>

#include "base/loop.h"
#include "mta/queue/methods_private.h"
#include "mta/queue/queue_private.h"

json_t *
queue_method_backup(void *ctx, const json_t *params, struct fault *f)
{
	struct queue *q = queue_admin_queue(ctx, f);
	char dir[PATH_MAX];
	json_t *result;
	int rc;

	(void)params;
	if (q == NULL)
		return NULL;
	if ((size_t)snprintf(dir, sizeof dir, "%s/backup", q->dir) >=
	    sizeof dir) {
		fault_perm(f, "5.3.5", "%s is too long", q->dir);
		return NULL;
	}
	loop_blocking_begin();
	rc = queue_backup(q, dir, f);
	loop_blocking_end();
	if (rc < 0)
		return NULL;
	result = json_new_object();
	json_put_text(result, "dir", dir);
	return result;
}
