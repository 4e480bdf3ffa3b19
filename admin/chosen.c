/* SPDX-License-Identifier: ISC */
/* The one that asks is a child: where lmtpd does not run it becomes the store's
 * user for good, and what we write may have to belong to somebody else. */
#include "config.h"

#include "admin/chosen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/select.h"
#include "base/buf.h"
#include "base/mem.h"
#include "store/maildir.h"

enum { LINE_SIZE = MAILBOX_FOLDER_SIZE + MAILDIR_NAME_SIZE + 8 };

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

/* The child's side. */

static int
write_one(void *ctx, const json_t *message, struct fault *f)
{
	const char *name = json_get_text(message, "folder");
	const char *file = json_get_text(message, "file");
	struct mailbox_folder folder;
	struct maildir_name parsed;
	struct str base;
	struct buf b;

	if (name == NULL || file == NULL ||
	    mailbox_folder_parse(str(name), &folder, f) < 0)
		return fault_temp(
		    f, "4.3.0", "the answer of posthouse-lmtpd is odd");
	base = str_from(str(file), str_find(str(file), '/') + 1);
	if (!maildir_name_parse(base, &parsed))
		return 0;
	buf_init(&b, LINE_SIZE);
	put_key(&b, &folder, parsed.base);
	buf_putc(&b, '\n');
	fwrite(buf_text(&b), 1, buf_len(&b), ctx);
	buf_clear(&b);
	return 0;
}

static int
ask(const struct cmd_line *line, const struct mailbox_name *mailbox, FILE *out,
    struct fault *f)
{
	json_t *params = select_params(line, mailbox->text, f);
	struct call *call = NULL;
	int rc = -1;

	if (params != NULL)
		call = call_open(line->file, PLACE_LMTPD, f);
	if (call != NULL)
		rc = select_each(call, params, write_one, out, f);
	call_close(&call);
	if (params != NULL)
		json_free(&params);
	if (rc == 0 && fflush(out) != 0)
		rc = fault_errno(f, "cannot keep what was found");
	return rc;
}

/* Never returns. The fault, where there is one, stands in shared memory. */
static void
run_child(const struct cmd_line *line, const struct mailbox_name *mailbox,
    int fd, struct fault *f)
{
	FILE *out = fdopen(fd, "w");
	int rc = out == NULL ? fault_errno(f, "cannot keep what is found")
			     : ask(line, mailbox, out, f);

	_exit(rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Ours. */

static void
read_lines(struct chosen *c, FILE *in)
{
	char line[LINE_SIZE];

	while (fgets(line, sizeof line, in) != NULL) {
		struct node *n = arena_new(&c->arena, struct node);

		n->key = arena_str(
		    &c->arena, str_head(str(line), str_find(str(line), '\n')));
		map_add(&c->found, &n->node, str_hash(n->key));
	}
}

static int
wait_for(pid_t child, struct fault *f)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return fault_errno(f, "the search has not ended");
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
		return 0;
	if (f->text[0] == '\0')
		fault_temp(f, "4.3.0", "the search was broken off");
	return -1;
}

static int
find(struct chosen *c, const struct cmd_line *line,
    const struct mailbox_name *mailbox, struct fault *f)
{
	struct fault *shared = mmap(NULL, sizeof *shared,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("chosen", MFD_CLOEXEC), rc = -1;
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	pid_t child = -1;

	if (shared != MAP_FAILED && in != NULL) {
		memset(shared, 0, sizeof *shared);
		child = fork();
	}
	if (child == 0)
		run_child(line, mailbox, fd, shared);
	if (child < 0) {
		fault_errno(f, "cannot search");
	} else {
		rc = wait_for(child, shared);
		*f = *shared;
	}
	if (rc == 0) {
		rewind(in);
		read_lines(c, in);
	}
	if (in != NULL)
		(void)fclose(in);
	if (shared != MAP_FAILED)
		munmap(shared, sizeof *shared);
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
