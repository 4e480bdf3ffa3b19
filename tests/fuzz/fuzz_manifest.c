/* SPDX-License-Identifier: ISC */
/* admin/manifest.h: what is taken for a line says the same when it is written,
 * and leads nowhere else. */
#include "config.h"

#include "admin/manifest.h"

#include "tests/fuzz/fuzz.h"

static void
check_path(const char *path)
{
	struct str rest = str(path);

	FUZZ_CHECK(rest.len > 0 && rest.len < TREE_PATH_SIZE);
	while (rest.at != NULL) {
		struct str part = str_cut(&rest, '/');

		FUZZ_CHECK(part.len > 0);
		FUZZ_CHECK(!str_is(part, STR_LIT(".")));
		FUZZ_CHECK(!str_is(part, STR_LIT("..")));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[TREE_PATH_SIZE], again[TREE_PATH_SIZE];
	struct tree_file file, same;
	struct str line;
	struct buf b;
	char *copy = fuzz_copy(str_n((const char *)data, size));

	if (manifest_parse(str_n(copy, size), path, &file)) {
		check_path(path);
		buf_init(&b, (size_t)4 * TREE_PATH_SIZE);
		manifest_format(&b, path, &file);
		FUZZ_CHECK(buf_take_line(&b, &line));
		FUZZ_CHECK(manifest_parse(line, again, &same));
		FUZZ_CHECK(strcmp(path, again) == 0);
		FUZZ_CHECK(file.size == same.size && file.mtime == same.mtime);
		FUZZ_CHECK(
		    memcmp(file.digest, same.digest, sizeof file.digest) == 0);
		buf_clear(&b);
	}
	mem_free(copy);
	return 0;
}
