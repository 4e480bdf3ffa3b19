/* SPDX-License-Identifier: ISC */
/* What a declaration promises, said to the compiler, and what C lacks. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define SENTINEL __attribute__((sentinel))
#define FORMAT(fmt, first) __attribute__((format(printf, fmt, first)))

/* The struct of `type` whose member `member` the pointer is. */
#define STRUCT_OF(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
