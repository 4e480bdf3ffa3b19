/* SPDX-License-Identifier: ISC */
/*
 * Memory that is always there: each of these dies when there is none, so no
 * caller checks. What is returned belongs to the caller and goes back to
 * mem_free().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/* One zeroed object: struct x *x = mem_new(struct x). */
#define mem_new(type) ((type *)mem_zeroed(1, sizeof(type)))

/* n zeroed objects in a row. n * size is checked for overflow. */
void *mem_zeroed(size_t n, size_t size) MUST_USE;

/* Grows or shrinks to n * size bytes; new bytes are not zeroed. */
void *mem_resize(void *p, size_t n, size_t size) MUST_USE;

/* Returns a new copy of a C string, or of len bytes with a NUL after them. */
char *mem_dup(const char *s) MUST_USE;
char *mem_dup_n(const char *s, size_t len) MUST_USE;

void mem_free(void *p);

/* Overwrites a secret in a way that the compiler keeps. */
void mem_wipe(void *p, size_t len);

/* Writes the sentence, which names the program, to stderr and leaves with the
 * status of sysexits.h. */
void die(int status, const char *fmt, ...) FORMAT(2, 3) NORETURN;

/* A bug: says so and aborts. Stays on in release builds. */
void die_bug(const char *fmt, ...) FORMAT(1, 2) NORETURN;

#endif
