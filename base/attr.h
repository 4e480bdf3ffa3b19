/* SPDX-License-Identifier: ISC */
/* What a declaration promises, said to the compiler. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define MUST_USE __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define SENTINEL __attribute__((sentinel))
#define FORMAT(fmt, first) __attribute__((format(printf, fmt, first)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
