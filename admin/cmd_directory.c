/* SPDX-License-Identifier: ISC */
/*
 * posthouse directory: the directory as a whole. All of it is done by this
 * process itself, also where posthouse-authd runs: no hash leaves that one.
 */
#include "config.h"

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/directory_text.h"
#include "admin/list.h"
#include "auth/directory_copy.h"
#include "auth/options.h"
#include "base/buf.h"

static int init(struct cmd_line *line, struct fault *f);
static int migrate(struct cmd_line *line, struct fault *f);
static int export(struct cmd_line *line, struct fault *f);
static int import(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_directory[] = {
	{ "directory", "init", "", 0, 0, 0,
	  "make the tables in a database", init },
	{ "directory", "migrate", "", 0, 0, 0,
	  "bring the tables up to date", migrate },
	{ "directory", "export", "", 0, 0, 0,
	  "all of it as text, hashes and secrets too", export },
	{ "directory", "import", "", 0, 0, 0,
	  "put such a text in, from standard input", import },
	{ 0 },
};
/* clang-format on */

static int
make_tables(struct cmd_line *line, bool anew, struct fault *f)
{
	struct directory_conf conf;
	struct call *call = call_open_alone(line->file, &conf, f);
	unsigned from = 0;
	int to = -1;

	if (call == NULL)
		return -1;
	if (conf.database == NULL)
		fault_perm(f, "5.3.5",
		    "the directory is in Berkeley DB, which makes its tables "
		    "by itself");
	else
		to = directory_migrate(&conf, anew, &from, f);
	if (to >= 0 && from == (unsigned)to)
		fprintf(
		    line->out, "The tables are of version %d already.\n", to);
	else if (to >= 0)
		fprintf(line->out, "The tables are of version %d now.\n", to);
	call_close(&call);
	return to < 0 ? -1 : 0;
}

static int
init(struct cmd_line *line, struct fault *f)
{
	return make_tables(line, true, f);
}

static int
migrate(struct cmd_line *line, struct fault *f)
{
	return make_tables(line, false, f);
}

static struct directory *
open_alone(struct cmd_line *line, struct call **call, struct fault *f)
{
	struct directory *d = NULL;
	struct directory_conf conf;

	*call = call_open_alone(line->file, &conf, f);
	if (*call != NULL)
		d = directory_open(&conf, f);
	if (d == NULL)
		call_close(call);
	return d;
}

static int
print_line(void *ctx, struct str text)
{
	struct cmd_line *line = ctx;

	fprintf(line->out, "%.*s\n", STR_ARG(text));
	return 0;
}

static int export(struct cmd_line *line, struct fault *f)
{
	struct call *call;
	struct directory *d = open_alone(line, &call, f);
	int rc;

	if (d == NULL)
		return -1;
	rc = directory_export(d, print_line, line, f);
	directory_close(&d);
	call_close(&call);
	return rc;
}

static int
import_all(struct cmd_line *line, struct directory *d, struct fault *f)
{
	unsigned long long records;

	if (directory_text_import(d, stdin, &records, f) < 0)
		return -1;
	fprintf(line->out, "%llu records.\n", records);
	return 0;
}

static int
import(struct cmd_line *line, struct fault *f)
{
	struct call *call;
	struct directory *d = open_alone(line, &call, f);
	int rc;

	if (d == NULL)
		return -1;
	rc = import_all(line, d, f);
	directory_close(&d);
	call_close(&call);
	return rc;
}
