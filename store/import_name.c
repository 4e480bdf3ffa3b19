/* SPDX-License-Identifier: ISC */
/* Folders of others as folders of ours: each name has one, and none is refused
 * for its letters. */
#include "config.h"

#include <string.h>

#include "store/import_source.h"

#include "base/buf.h"
#include "base/utf8.h"

/* Without controls, dots (which would be levels) and ill-formed bytes. */
static void
put_level(struct buf *b, struct str level)
{
	while (level.len > 0) {
		uint32_t c;
		size_t n = utf8_get(level, &c);

		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '.')
			buf_putc(b, '_');
		else
			buf_put_str(b, str_head(level, n));
		level = str_from(level, n == 0 ? 1 : n);
	}
}

/* Levels, but for empty ones. */
static void
put_levels(struct buf *b, struct str name)
{
	while (name.at != NULL) {
		struct str level = str_cut(&name, '/');

		if (level.len == 0)
			continue;
		if (buf_len(b) > 0)
			buf_putc(b, '/');
		put_level(b, level);
	}
}

bool
import_is_single(struct str name)
{
	uint64_t n;

	if (str_ends(name, STR_LIT(".")))
		name.len--;
	return str_ends(name, STR_LIT(".eml")) ||
	       str_to_u64(name, 1, UINT32_MAX, &n);
}

struct str
import_single_name(struct str name)
{
	enum { LONG_AGO = 100000000 }; /* a number that is no time of mail */
	struct maildir_name parsed;

	if (!str_ends(name, STR_LIT(".eml")))
		return STR_LIT("");
	name.len -= 4;
	return maildir_name_parse(name, &parsed) && parsed.time > LONG_AGO
		   ? name
		   : STR_LIT("");
}

int
import_map_folder(struct str prefix, struct str name,
    struct mailbox_folder *folder, struct fault *f)
{
	struct buf b;
	int rc;

	buf_init(&b, 4 * MAILBOX_FOLDER_SIZE);
	/* The one that the operator named may have dots for levels. */
	buf_put_str(&b, prefix);
	if (!str_is_nocase(name, STR_LIT("inbox")))
		put_levels(&b, name);
	if (buf_is_full(&b))
		rc = fault_perm(f, "5.2.0", "a folder's name is too long");
	else
		rc = mailbox_folder_parse(buf_str(&b), folder, f);
	if (rc < 0)
		fault_perm(f, "5.2.0", "\"%.100s\" cannot be a folder's name",
		    buf_text(&b));
	buf_clear(&b);
	return rc;
}

int
import_map_dir(struct str prefix, struct str dir, struct mailbox_folder *folder,
    struct fault *f)
{
	struct mailbox_folder theirs;
	struct fault odd;
	struct buf b;
	int rc;

	if (mailbox_folder_from_dir(dir, &theirs, &odd) == 0)
		return import_map_folder(prefix, str(theirs.text), folder, f);
	/* No modified UTF-7: then it is text. */
	buf_init(&b, 4 * MAILBOX_FOLDER_SIZE);
	for (size_t i = 1; i < dir.len; i++)
		buf_putc(&b, dir.at[i] == '.' ? '/' : dir.at[i]);
	rc = import_map_folder(prefix, buf_str(&b), folder, f);
	buf_clear(&b);
	return rc;
}
