/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods for copies of the directory.
 *
 *   directory.backup
 *   user.restore      user, records
 *
 * The first returns {dir}: where the copy is. The records are a user's lines of
 * a copy (directory_copy.h), and {user} is returned.
 */
#include "config.h"

#include <limits.h>

#include "auth/directory_copy.h"
#include "auth/directory_methods.h"
#include "base/buf.h"
#include "base/loop.h"
#include "base/mem.h"

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

enum { RECORDS_MAX = 10000 };

static struct str *
take_records(const json_t *params, size_t *n, struct fault *f)
{
	const json_t *array = json_get(params, "records");
	struct str *records;

	*n = json_len(array);
	if (!json_is_array(array) || *n == 0 || *n > RECORDS_MAX) {
		fault_perm(f, "5.5.4", "records: from 1 to %d texts",
		    (int)RECORDS_MAX);
		return NULL;
	}
	records = mem_zeroed(*n, sizeof *records);
	for (size_t i = 0; i < *n; i++)
		records[i] = str(json_text(json_at(array, i)));
	return records;
}

json_t *
directory_method_restore_user(void *ctx, const json_t *params, struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);
	json_t *result = NULL;
	struct str *records;
	size_t n;

	if (user == NULL)
		return NULL;
	records = take_records(params, &n, f);
	if (records == NULL)
		return NULL;
	if (directory_restore_user(ctx, str(user), records, n, f) == 0)
		result = directory_methods_changed("user", user);
	mem_free(records);
	return result;
}
