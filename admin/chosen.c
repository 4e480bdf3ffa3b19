/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "admin/chosen.h"

#include <stdio.h>
#include <string.h>

#include "admin/apart.h"
#include "admin/select.h"
#include "base/buf.h"
#include "base/mem.h"
#include "store/maildir.h"

enum {
	LINE_SIZE = MAILBOX_FOLDER_SIZE + MAILDIR_NAME_SIZE + 8,
	FOUND_MAX = 512 << 20, /* bytes of lines */
};

struct node {
	struct map_node node;
	struct str key; /* folder's directory, "/", base name */
};

static bool
is_key(const struct map_node *node, const void *key)
{
	return str_is(
	    STRUCT_OF(node, struct node, node)->key, *(const struct str *)key);
}

static void
put_key(struct buf *b, const struct mailbox_folder *folder, struct str base)
{
	buf_putf(b, "%s/", folder->dir);
	buf_put_str(b, base);
}

/* The other process: a key a line. */

struct asking {
	const struct cmd_line *line;
	const struct mailbox_name *mailbox;
};

static int
put_one(void *ctx, const json_t *message, struct fault *f)
{
	const char *name = json_get_text(message, "folder");
	const char *file = json_get_text(message, "file");
	struct mailbox_folder folder;
	struct maildir_name parsed;
	struct str base;

	if (name == NULL || file == NULL ||
	    mailbox_folder_parse(str(name), &folder, f) < 0)
		return fault_temp(
		    f, "4.3.0", "the answer of posthouse-lmtpd is odd");
	base = str_from(str(file), str_find(str(file), '/') + 1);
	if (!maildir_name_parse(base, &parsed))
		return 0;
	put_key(ctx, &folder, parsed.base);
	buf_putc(ctx, '\n');
	return 0;
}

static int
ask(void *ctx, struct buf *answer, struct fault *f)
{
	const struct asking *a = ctx;
	json_t *params = select_params(a->line, a->mailbox->text, f);
	struct call *call = NULL;
	int rc = -1;

	if (params != NULL)
		call = call_open(a->line->file, PLACE_LMTPD, f);
	if (call != NULL)
		rc = select_each(call, params, put_one, answer, f);
	call_close(&call);
	if (params != NULL)
		json_free(&params);
	if (rc == 0 && buf_is_full(answer))
		rc = fault_temp(f, "4.3.1", "these are too many at once");
	return rc;
}

/* Ours. */

static void
read_lines(struct chosen *c, struct buf *lines)
{
	struct str line;

	while (buf_take_line(lines, &line)) {
		struct node *n = arena_new(&c->arena, struct node);

		n->key = arena_str(&c->arena, line);
		map_add(&c->found, &n->node, str_hash(n->key));
	}
}

static int
find(struct chosen *c, const struct cmd_line *line,
    const struct mailbox_name *mailbox, struct fault *f)
{
	struct asking asking = {line, mailbox};
	struct buf lines;
	int rc;

	buf_init(&lines, FOUND_MAX);
	rc = apart_run(ask, &asking, &lines, f);
	if (rc == 0)
		read_lines(c, &lines);
	buf_clear(&lines);
	return rc;
}

/* An option of the selection that only the index can answer. */
static bool
needs_index(const struct cmd_line *line)
{
	for (size_t i = 0; i < line->n_options; i++) {
		char option[40];

		snprintf(
		    option, sizeof option, "[--%s ", line->options[i].name);
		if (strcmp(line->options[i].name, "folder") != 0 &&
		    strstr(SELECT_USAGE, option) != NULL)
			return true;
	}
	return false;
}

int
chosen_read(struct chosen *c, const struct cmd_line *line,
    const struct mailbox_name *mailbox, struct fault *f)
{
	const char *folder = cmd_option(line, "folder");

	*c = (struct chosen){0};
	if (folder != NULL) {
		c->is_folder = true;
		if (mailbox_folder_parse(str(folder), &c->folder, f) < 0)
			return -1;
	}
	c->is_found = needs_index(line);
	return c->is_found ? find(c, line, mailbox, f) : 0;
}

void
chosen_clear(struct chosen *c)
{
	map_clear(&c->found);
	arena_clear(&c->arena);
}

bool
chosen_is_all(const struct chosen *c)
{
	return !c->is_folder && !c->is_found;
}

bool
chosen_has_folder(const struct chosen *c, const struct mailbox_folder *folder)
{
	return !c->is_folder || str_is(str(folder->dir), str(c->folder.dir));
}

bool
chosen_has(const struct chosen *c, const struct mailbox_folder *folder,
    struct str base)
{
	struct str key;
	struct buf b;
	bool has;

	if (!chosen_has_folder(c, folder))
		return false;
	if (!c->is_found)
		return true;
	buf_init(&b, LINE_SIZE);
	put_key(&b, folder, base);
	key = buf_str(&b);
	has = map_find(&c->found, str_hash(key), is_key, &key) != NULL;
	buf_clear(&b);
	return has;
}
