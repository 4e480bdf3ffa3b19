/* SPDX-License-Identifier: ISC */
/* The operator's method that has the directory copied. */
#include "config.h"

#include <limits.h>

#include "auth/directory_methods.h"
#include "base/buf.h"
#include "base/loop.h"

json_t *
directory_method_backup(void *ctx, const json_t *params, struct fault *f)
{
	json_t *result = NULL;
	struct buf path;
	int rc;

	(void)params;
	buf_init(&path, PATH_MAX);
	loop_blocking_begin();
	rc = directory_backup(ctx, &path, f);
	loop_blocking_end();
	if (rc == 0) {
		result = json_new_object();
		json_put_text(result, "dir", buf_text(&path));
	}
	buf_clear(&path);
	return result;
}
