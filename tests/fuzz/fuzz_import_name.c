/* SPDX-License-Identifier: ISC */
/* What other servers call their folders: whatever it is, it becomes a folder of
 * ours that is found again by its name and by its directory, or is refused. */
#include "config.h"

#include "store/import_source.h"

#include "tests/fuzz/fuzz.h"

static void
check(const struct mailbox_folder *folder)
{
	struct mailbox_folder again;
	struct fault f;

	FUZZ_CHECK(folder->dir[0] == '\0' || folder->dir[0] == '.');
	FUZZ_CHECK(!str_has(str(folder->dir), '/'));
	FUZZ_CHECK(strcmp(folder->dir, ".") != 0);
	FUZZ_CHECK(strcmp(folder->dir, "..") != 0);
	FUZZ_CHECK(mailbox_folder_parse(str(folder->text), &again, &f) == 0);
	FUZZ_CHECK(strcmp(again.dir, folder->dir) == 0);
	FUZZ_CHECK(mailbox_folder_from_dir(str(folder->dir), &again, &f) == 0);
	FUZZ_CHECK(strcmp(again.text, folder->text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_n((const char *)data, size);
	struct str prefix =
	    fuzz_take_byte(&rest) & 1 ? STR_LIT("Old") : STR_LIT("");
	char *copy = fuzz_copy(rest);
	struct str name = str_n(copy, rest.len);
	struct mailbox_folder folder;
	struct fault f;

	if (import_map_folder(prefix, name, &folder, &f) == 0)
		check(&folder);
	if (import_map_dir(prefix, name, &folder, &f) == 0)
		check(&folder);
	mem_free(copy);
	return 0;
}
