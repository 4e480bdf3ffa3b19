/* SPDX-License-Identifier: ISC */
/*
 * Runs an entry without libFuzzer: each file of its corpus whole, and cut
 * short at every length. Without arguments the corpus is that of the program's
 * name; else each argument is a file, which is run once.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static void
read_input(const char *path, struct buf *input)
{
	FILE *file = fopen(path, "r");
	size_t room, n = 1;

	buf_reset(input);
	if (file == NULL)
		die(EX_NOINPUT, "%s: %s", path, strerror(errno));
	while (n > 0) {
		char *at = buf_space(input, 1, &room);

		if (at == NULL)
			die(EX_DATAERR, "%s is too long", path);
		n = fread(at, 1, room, file);
		buf_added(input, n);
	}
	if (ferror(file))
		die(EX_IOERR, "%s: %s", path, strerror(errno));
	fclose(file);
}

static void
run(struct str input)
{
	char *copy = fuzz_copy(input);

	LLVMFuzzerTestOneInput((const uint8_t *)copy, input.len);
	mem_free(copy);
}

/* Names the file first: if it fails, this is the last line. */
static void
run_file(const char *path, bool cut)
{
	struct buf input;

	fprintf(stderr, "%s\n", path);
	buf_init(&input, INPUT_MAX);
	read_input(path, &input);
	run(buf_str(&input));
	for (size_t len = 0; cut && len < buf_len(&input); len++)
		run(str_head(buf_str(&input), len));
	buf_clear(&input);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
run_corpus(const char *program)
{
	const char *top = getenv("abs_top_srcdir"), *base;
	struct dirent **entries;
	char path[4096];
	int n;

	base = strrchr(program, '/');
	base = base == NULL ? program : base + 1;
	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s",
	    top == NULL ? "." : top, base);
	n = scandir(path, &entries, is_visible, alphasort);
	if (n <= 0)
		die(EX_NOINPUT, "%s: no corpus", path);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s/%s",
		    top == NULL ? "." : top, base, entries[i]->d_name);
		run_file(path, true);
		free(entries[i]);
	}
	free(entries);
	printf("%d inputs\n", n);
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		run_corpus(argv[0]);
	for (int i = 1; i < argc; i++)
		run_file(argv[i], false);
	return EXIT_SUCCESS;
}
