/* SPDX-License-Identifier: ISC */
/*
 * A borrowed view of bytes. Nothing here copies, allocates or needs a
 * terminator; a view lives as long as the bytes it points at.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct str {
	const char *at; /* may be NULL when len is 0 */
	size_t len;
};

/* printf("%.*s", STR_ARG(s)): for text that is known to be short. */
#define STR_ARG(s) (int)(s).len, (s).at
#define STR_LIT(lit) ((struct str){(lit), sizeof(lit) - 1})

static inline struct str
str(const char *s)
{
	return (struct str){s, s == NULL ? 0 : strlen(s)};
}

static inline struct str
str_n(const char *at, size_t len)
{
	return (struct str){at, len};
}

bool str_is(struct str a, struct str b);
/* ASCII letters compare without case; all other bytes must be equal. */
bool str_is_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_has(struct str s, char c);
/* By bytes, as numbers without sign; what is a beginning of the other sorts
 * first. Less than, equal to or more than 0. */
int str_compare(struct str a, struct str b);

/* The index of the first (last) c, or s.len where there is none. */
size_t str_find(struct str s, char c);
size_t str_find_last(struct str s, char c);

/* Without the first n bytes; empty when there are fewer. */
struct str str_from(struct str s, size_t n);
/* The first n bytes at most. */
struct str str_head(struct str s, size_t n);
/* Without spaces and tabs at both ends. */
struct str str_trim(struct str s);

/*
 * Cuts the part before the first c off *rest and returns it; *rest keeps what
 * follows c. Without a c, returns all and leaves *rest empty with at == NULL.
 */
struct str str_cut(struct str *rest, char c);

/* A decimal number without sign or blanks, from min to max. */
bool str_to_u64(
    struct str s, uint64_t min, uint64_t max, uint64_t *value) MUST_USE;

/* A new C string, to be given to mem_free(). A NUL byte inside ends it for
 * the C library, so callers check untrusted input first. */
char *str_dup(struct str s) MUST_USE;

/* Copies into dst as a C string; false, and an empty dst, where it does not
 * fit or holds a NUL byte. */
bool str_copy(struct str s, char *dst, size_t size) MUST_USE;

/* A hash for tables in memory; not for anything that is stored. */
uint64_t str_hash(struct str s);

#endif
