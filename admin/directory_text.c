/* SPDX-License-Identifier: ISC */
/* Records of a directory, a line each. */
#include "config.h"

#include "admin/directory_text.h"

#include <stdlib.h>

#include "admin/call.h"
#include "auth/directory.h"
#include "auth/directory_copy.h"

enum { BATCH = 500 }; /* records a transaction */

/* Which line it was. */
static int
name_line(unsigned long long number, struct fault *f)
{
	const struct fault why = *f;

	*f = why;
	snprintf(
	    f->text, sizeof f->text, "line %llu: %.200s", number, why.text);
	return -1;
}

int
directory_text_import(
    struct directory *d, FILE *in, unsigned long long *lines, struct fault *f)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	int rc = 0;

	*lines = 0;
	while (rc == 0 && (len = getline(&text, &room, in)) >= 0) {
		struct str record = str_n(text, (size_t)len);

		++*lines;
		if (record.len > 0 && record.at[record.len - 1] == '\n')
			record.len--;
		if (record.len == 0)
			continue;
		rc = directory_import(d, record, f);
		if (rc == 0 && *lines % BATCH == 0)
			rc = directory_import_flush(d, f);
	}
	free(text);
	if (rc == 0)
		rc = directory_import_flush(d, f);
	return rc < 0 ? name_line(*lines, f) : 0;
}

static int
need_none(struct directory *d, struct fault *f)
{
	struct directory_counts counts;

	if (directory_count(d, &counts, f) < 0)
		return -1;
	if (counts.domains > 0)
		return fault_perm(
		    f, "5.1.0", "the directory has domains already");
	return 0;
}

static int
restore_into(const struct directory_conf *conf, FILE *in, bool empty,
    unsigned long long *lines, struct fault *f)
{
	struct directory *d;
	unsigned from;
	int rc;

	if (conf->database != NULL &&
	    directory_migrate(conf, true, &from, f) < 0)
		return -1;
	d = directory_open(conf, f);
	if (d == NULL)
		return -1;
	rc = empty ? need_none(d, f) : 0;
	if (rc == 0)
		rc = directory_text_import(d, in, lines, f);
	directory_close(&d);
	return rc;
}

int
directory_text_restore(const char *conf_file, FILE *in, bool empty,
    unsigned long long *lines, struct fault *f)
{
	struct directory_conf conf;
	struct call *call = call_open_alone(conf_file, &conf, f);
	int rc;

	if (call == NULL)
		return -1;
	rc = restore_into(&conf, in, empty, lines, f);
	call_close(&call);
	return rc;
}
