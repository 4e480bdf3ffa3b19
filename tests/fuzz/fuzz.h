/* SPDX-License-Identifier: ISC */
/*
 * What the fuzzers have in common. Each is one file with one entry, which
 * libFuzzer calls, or replay.c with what is in corpus/<entry>. An entry checks
 * what must hold for any input, not only that nothing crashes.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                              \
	do {                                                          \
		if (!(cond))                                          \
			die_bug("%s:%d: does not hold: %s", __FILE__, \
			    __LINE__, #cond);                         \
	} while (0)

/* The first byte, which chooses what is done with the rest; 0 if none. */
static inline unsigned
fuzz_take_byte(struct str *rest)
{
	unsigned byte = rest->len > 0 ? (unsigned char)rest->at[0] : 0;

	*rest = str_from(*rest, 1);
	return byte;
}

/* A copy that ends where its memory does, so that a sanitizer sees what reads
 * past it. To be given to mem_free(). */
static inline char *
fuzz_copy(struct str s)
{
	char *copy = mem_zeroed(s.len > 0 ? s.len : 1, 1);

	if (s.len > 0)
		memcpy(copy, s.at, s.len);
	return copy;
}

#endif
