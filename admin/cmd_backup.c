/* SPDX-License-Identifier: ISC */
/* posthouse backup: its verbs, and what they show. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "admin/backup.h"
#include "admin/backup_check.h"
#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/snapshot.h"

static int backup(struct cmd_line *line, struct fault *f);
static int check(struct cmd_line *line, struct fault *f);
static int list(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_backup[] = {
	{ "backup", "list", "DIR", 1, 1, CMD_JSON,
	  "the snapshots in a folder", list },
	{ "backup", "check", "DIR [SNAPSHOT]", 1, 2, CMD_JSON | CMD_LONG,
	  "read a snapshot, the newest one, and find what is damaged", check },
	{ "backup", NULL, "DIR [--keep N] [--files all|link]", 1, 1,
	  CMD_JSON | CMD_LONG,
	  "copy directory, queue and mailboxes into a new snapshot", backup },
	{ 0 },
};

static const struct table_column made_fields[] = {
	{ "snapshot", "snapshot", TABLE_TEXT },
	{ "mailboxes", "mailboxes", TABLE_NUMBER },
	{ "messages", "messages", TABLE_NUMBER },
	{ "size", "bytes", TABLE_SIZE },
	{ "files copied", "copied", TABLE_NUMBER },
	{ "bytes copied", "copied_bytes", TABLE_SIZE },
	{ "no files, left out", "left_out", TABLE_NUMBER },
	{ "mailboxes without rest", "restless", TABLE_NUMBER },
	{ "snapshots removed", "removed", TABLE_NUMBER },
	{ 0 },
};

static const struct table_column list_columns[] = {
	{ "SNAPSHOT", "snapshot", TABLE_TEXT },
	{ "MAILBOXES", "mailboxes", TABLE_NUMBER },
	{ "MESSAGES", "messages", TABLE_NUMBER },
	{ "SIZE", "bytes", TABLE_SIZE },
	{ "COPIED", "copied_bytes", TABLE_SIZE },
	{ 0 },
};
/* clang-format on */

static int
read_options(
    const struct cmd_line *line, struct backup_how *how, struct fault *f)
{
	const char *keep = cmd_option(line, "keep");
	const char *files = cmd_option(line, "files");

	if (keep != NULL && !str_to_u64(str(keep), 1, 100000, &how->keep))
		return fault_perm(f, "5.5.4",
		    "--keep: \"%.40s\" is no number from 1 on", keep);
	if (files == NULL)
		return 0;
	how->all = strcmp(files, "all") == 0;
	how->link = strcmp(files, "link") == 0;
	if (!how->all && !how->link)
		return fault_perm(f, "5.5.4",
		    "--files: \"%.40s\" is neither all nor link", files);
	return 0;
}

static json_t *
to_json(const struct snapshot *s)
{
	json_t *o = json_new_object();

	json_put_text(o, "snapshot", s->name);
	json_put_int(o, "mark", s->mark);
	json_put_int(o, "made", s->made);
	json_put_int(o, "mailboxes", (int64_t)s->mailboxes);
	json_put_int(o, "messages", (int64_t)s->messages);
	json_put_int(o, "bytes", (int64_t)s->bytes);
	json_put_int(o, "copied_bytes", (int64_t)s->copied_bytes);
	return o;
}

static void
may_put(json_t *o, const char *key, uint64_t n)
{
	if (n > 0)
		json_put_int(o, key, (int64_t)n);
}

static int
backup(struct cmd_line *line, struct fault *f)
{
	struct backup_how how = {.dir = line->args[0]};
	struct backup_made made;
	json_t *o;

	if (read_options(line, &how, f) < 0 ||
	    backup_make(line, &how, &made, f) < 0)
		return -1;
	o = to_json(&made.snapshot);
	json_put_int(o, "copied", (int64_t)made.counts.copied);
	may_put(o, "left_out", made.counts.left_out);
	may_put(o, "restless", made.counts.restless);
	may_put(o, "removed", made.removed);
	list_print_object(line, made_fields, o);
	json_free(&o);
	return 0;
}

static int
add_snapshot(const struct snapshots *dirs, const char *name, json_t *items,
    struct fault *f)
{
	struct snapshot s;
	int fd = snapshots_open_one(dirs, name, &s, f);

	if (fd < 0)
		return -1;
	close(fd);
	json_add(items, to_json(&s));
	return 0;
}

static void
print_list(struct cmd_line *line, json_t *items)
{
	struct table table;
	json_t *all;

	if (line->json) {
		all = json_new_object();
		json_put(all, "snapshots", json_hold(items));
		list_print_json(line, all);
		json_free(&all);
		return;
	}
	table_init(&table, line->out, list_columns);
	for (size_t i = 0; i < json_len(items); i++)
		table_add(&table, json_at(items, i));
	table_flush(&table);
	table_clear(&table);
}

static int
list(struct cmd_line *line, struct fault *f)
{
	struct snapshots dirs;
	struct snapshot_list names = {0};
	json_t *items = json_new_array();
	int rc = snapshots_open(&dirs, line->args[0], false, f);

	if (rc == 0)
		rc = snapshots_list(&dirs, &names, f);
	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = add_snapshot(&dirs, names.names[i], items, f);
	if (rc == 0)
		print_list(line, items);
	snapshots_list_clear(&names);
	snapshots_close(&dirs);
	json_free(&items);
	return rc;
}

static int
check(struct cmd_line *line, struct fault *f)
{
	struct snapshots dirs;
	int rc = snapshots_open(&dirs, line->args[0], false, f);

	if (rc == 0)
		rc = backup_check(
		    line, &dirs, line->n_args > 1 ? line->args[1] : NULL, f);
	snapshots_close(&dirs);
	return rc;
}
