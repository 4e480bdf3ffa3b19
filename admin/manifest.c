/* SPDX-License-Identifier: ISC */
/* Manifests. */
#include "config.h"

#include "admin/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	KEY_SIZE = TREE_PATH_SIZE + 2,
	LINE_MAX_LEN = 3 * TREE_PATH_SIZE + 200,
};

void
manifest_init(struct manifest *m, enum manifest_key key)
{
	*m = (struct manifest){.key = key};
}

void
manifest_clear(struct manifest *m)
{
	map_clear(&m->map);
	mem_free(m->entries);
	arena_clear(&m->arena);
	*m = (struct manifest){.key = m->key};
}

/* "A/cur" of "A/cur/x"; "" of "x". */
static struct str
folder_of(struct str path)
{
	size_t at = str_find_last(path, '/');

	return at < path.len ? str_head(path, at) : STR_LIT("");
}

static struct str
last_of(struct str path)
{
	size_t at = str_find_last(path, '/');

	return at < path.len ? str_from(path, at + 1) : path;
}

static bool
is_in_maildir(const char *path)
{
	struct str part = last_of(folder_of(str(path)));

	return str_is(part, STR_LIT("new")) || str_is(part, STR_LIT("cur"));
}

bool
manifest_is_message(const char *path)
{
	return is_in_maildir(path) ||
	       str_starts(str(path), STR_LIT("posthouse/"));
}

struct str
manifest_base(const char *path)
{
	struct str name = last_of(str(path));

	return str_head(name, str_find(name, ':'));
}

/* Each kind of key begins with another byte. */
static struct str
make_key(enum manifest_key kind, const char *path, char key[KEY_SIZE])
{
	struct str base = manifest_base(path), folder = folder_of(str(path));

	if (kind == MANIFEST_BY_NAME && manifest_is_message(path))
		snprintf(key, KEY_SIZE, "n%.*s", STR_ARG(base));
	else if (kind == MANIFEST_BY_PLACE && is_in_maildir(path))
		snprintf(key, KEY_SIZE, "m%.*s/%.*s",
		    STR_ARG(folder_of(folder)), STR_ARG(base));
	else
		snprintf(key, KEY_SIZE, "p%s", path);
	return str(key);
}

struct wanted {
	enum manifest_key kind;
	struct str key;
};

static bool
is_wanted(const struct map_node *node, const void *key)
{
	const struct manifest_entry *e = (const void *)node;
	const struct wanted *w = key;
	char own[KEY_SIZE];

	return str_is(make_key(w->kind, e->path, own), w->key);
}

struct manifest_entry *
manifest_find(const struct manifest *m, const char *path)
{
	char key[KEY_SIZE];
	struct wanted w = {m->key, make_key(m->key, path, key)};

	return (void *)map_find(&m->map, str_hash(w.key), is_wanted, &w);
}

struct manifest_entry *
manifest_put(struct manifest *m, const char *path, const struct tree_file *file)
{
	struct manifest_entry *e = manifest_find(m, path);
	char key[KEY_SIZE];

	if (e == NULL) {
		if (m->n == m->room) {
			m->room = m->room > 0 ? 2 * m->room : 64;
			m->entries = mem_resize(
			    m->entries, m->room, sizeof(m->entries[0]));
		}
		e = arena_new(&m->arena, struct manifest_entry);
		e->index = m->n;
		m->entries[m->n++] = e;
		map_add(
		    &m->map, &e->node, str_hash(make_key(m->key, path, key)));
	}
	e->path = arena_text(&m->arena, str(path));
	e->file = *file;
	return e;
}

void
manifest_rename(struct manifest *m, struct manifest_entry *e, const char *path)
{
	e->path = arena_text(&m->arena, str(path));
}

void
manifest_remove(struct manifest *m, struct manifest_entry *e)
{
	map_remove(&m->map, &e->node);
	m->entries[e->index] = NULL;
}

/* Lines. */

void
manifest_format(struct buf *b, const char *path, const struct tree_file *file)
{
	buf_put_hex(b, str_n((const char *)file->digest, sizeof file->digest));
	buf_putf(b, " %llu %lld ", (unsigned long long)file->size,
	    (long long)file->mtime);
	for (const char *p = path; *p != '\0'; p++) {
		if (*p > ' ' && *p < 0x7f && *p != '%')
			buf_putc(b, *p);
		else
			buf_putf(b, "%%%02x", (unsigned char)*p);
	}
	buf_putc(b, '\n');
}

/* Nothing that could lead elsewhere. */
static bool
is_safe(const char *path)
{
	struct str rest = str(path);

	if (rest.len == 0)
		return false;
	while (rest.at != NULL) {
		struct str part = str_cut(&rest, '/');

		if (part.len == 0 || str_is(part, STR_LIT(".")) ||
		    str_is(part, STR_LIT("..")))
			return false;
	}
	return true;
}

static bool
take_path(struct str text, char path[TREE_PATH_SIZE])
{
	struct buf b;
	bool ok = true;

	buf_init(&b, TREE_PATH_SIZE - 1);
	while (ok && text.len > 0) {
		if (text.at[0] != '%') {
			buf_putc(&b, text.at[0]);
			text = str_from(text, 1);
		} else {
			ok = text.len >= 3 &&
			     buf_put_unhex(&b, str_head(str_from(text, 1), 2));
			text = str_from(text, 3);
		}
	}
	ok = ok && !buf_is_full(&b) &&
	     str_copy(buf_str(&b), path, TREE_PATH_SIZE) && is_safe(path);
	buf_clear(&b);
	return ok;
}

static bool
take_time(struct str text, int64_t *mtime)
{
	bool before = str_starts(text, STR_LIT("-"));
	uint64_t n;

	if (!str_to_u64(str_from(text, before), 0, INT64_MAX, &n))
		return false;
	*mtime = before ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool
take_digest(struct str hex, uint8_t digest[CRYPTO_SHA256_LEN])
{
	struct buf b;
	bool ok;

	buf_init(&b, CRYPTO_SHA256_LEN);
	ok = buf_put_unhex(&b, hex) && buf_len(&b) == CRYPTO_SHA256_LEN;
	if (ok)
		memcpy(digest, buf_str(&b).at, CRYPTO_SHA256_LEN);
	buf_clear(&b);
	return ok;
}

bool
manifest_parse(
    struct str line, char path[TREE_PATH_SIZE], struct tree_file *file)
{
	struct str hex = str_cut(&line, ' '), size = str_cut(&line, ' ');
	struct str mtime = str_cut(&line, ' ');

	return take_digest(hex, file->digest) &&
	       str_to_u64(size, 0, UINT64_MAX, &file->size) &&
	       take_time(mtime, &file->mtime) && take_path(line, path);
}

/* Files. */

static int
read_lines(
    struct manifest *m, FILE *in, const char *name, bool torn, struct fault *f)
{
	char path[TREE_PATH_SIZE];
	struct tree_file file;
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	int rc = 1;

	while (rc == 1 && (len = getline(&text, &room, in)) > 0) {
		struct str line = str_n(text, (size_t)len - 1);

		if (text[len - 1] == '\n' && line.len <= LINE_MAX_LEN &&
		    manifest_parse(line, path, &file))
			manifest_put(m, path, &file);
		else if (torn)
			break;
		else
			rc = fault_perm(
			    f, "5.6.0", "%s has a line that is none", name);
	}
	if (rc == 1 && ferror(in))
		rc = fault_errno(f, "cannot read %s", name);
	free(text);
	return rc;
}

int
manifest_read(
    struct manifest *m, int at, const char *path, bool torn, struct fault *f)
{
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");

	if (in == NULL) {
		if (fd < 0 && errno == ENOENT)
			return 0;
		rc = fault_errno(f, "cannot open %s", path);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	rc = read_lines(m, in, path, torn, f);
	fclose(in);
	return rc;
}

static int
write_lines(const struct manifest *m, FILE *out)
{
	struct buf line;

	buf_init(&line, LINE_MAX_LEN);
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_entry *e = m->entries[i];

		if (e == NULL)
			continue;
		buf_reset(&line);
		manifest_format(&line, e->path, &e->file);
		if (fputs(buf_text(&line), out) < 0)
			break;
	}
	buf_clear(&line);
	return fflush(out) != 0 || ferror(out) || fsync(fileno(out)) < 0 ? -1
									 : 0;
}

int
manifest_write(
    const struct manifest *m, int at, const char *path, struct fault *f)
{
	/* No mailbox and no domain has a name like that. */
	static const char fresh[] = ".manifest";
	FILE *out;
	int fd, rc;

	if (tree_make_parents(at, path, f) < 0)
		return -1;
	fd = openat(at, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out == NULL) {
		rc = fault_errno(f, "cannot make %s", fresh);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	rc = write_lines(m, out);
	if (fclose(out) != 0 || rc < 0 || renameat(at, fresh, at, path) < 0)
		return fault_errno(f, "cannot write %s", path);
	return 0;
}
