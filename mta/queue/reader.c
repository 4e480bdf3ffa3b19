/* SPDX-License-Identifier: ISC */
/* The directory's maps "reverse" and "recipient". */
#include "config.h"

#include "mta/queue/reader.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/socketmap.h"

enum { READERS_MAX = 1000 };

/* What stands in list, split by blanks, as addresses; what is none, a group,
 * gets no notifications. */
static struct address *
take_all(struct str list, struct arena *arena, size_t *n)
{
	size_t words = 1;
	struct address *all;

	for (size_t i = 0; i < list.len; i++)
		words += list.at[i] == ' ';
	if (words > READERS_MAX)
		words = READERS_MAX;
	all = arena_take(arena, words * sizeof *all);
	for (*n = 0; *n < words && list.len > 0;) {
		struct str text = str_cut(&list, ' ');
		struct fault ignored;

		if (text.len > 0 &&
		    address_parse(text, &all[*n], &ignored) == 0)
			++*n;
	}
	return all;
}

/* 1, 0 or -1. A refusal (a mailbox that is closed) is for who delivers. */
static int
ask(struct socketmap_client *directory, const char *map, const char *key,
    struct buf *value, struct fault *f)
{
	struct fault why;
	int found = socketmap_look_up(directory, map, str(key), value, &why);

	if (found >= 0 || why.kind == FAULT_PERM)
		return found > 0;
	return fault_temp(
	    f, "4.3.0", "the directory is not available: %s", why.text);
}

int
reader_find(struct socketmap_client *directory, const struct address *address,
    struct arena *arena, struct address **readers, size_t *n, struct fault *f)
{
	char key[ADDRESS_TEXT_SIZE];
	struct buf value;
	int found;

	*readers = arena_new(arena, struct address);
	**readers = *address;
	*n = 1;
	if (directory == NULL || !address_key(address, key))
		return 0;
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = ask(directory, "recipient", key, &value, f);
	if (found == 0 && str_starts_nocase(str(key), STR_LIT("srs"))) {
		address_format(address, key);
		found = ask(directory, "reverse", key, &value, f);
	}
	if (found > 0) {
		size_t n_found;
		struct address *all =
		    take_all(buf_str(&value), arena, &n_found);

		if (n_found > 0) {
			*readers = all;
			*n = n_found;
		}
	}
	buf_clear(&value);
	return found < 0 ? -1 : 0;
}
