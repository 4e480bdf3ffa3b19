/* SPDX-License-Identifier: ISC */
/*
 * Memory that is always there, and the two ways to die.
 */
#include "config.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

void
die(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

void
die_bug(const char *fmt, ...)
{
	va_list ap;

	fputs("posthouse: bug: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void *
mem_zeroed(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (p == NULL)
		die(EX_OSERR, "posthouse: out of memory");
	return p;
}

void *
mem_resize(void *p, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		die(EX_OSERR, "posthouse: out of memory");
	p = realloc(p, n > 0 && size > 0 ? n * size : 1);
	if (p == NULL)
		die(EX_OSERR, "posthouse: out of memory");
	return p;
}

char *
mem_dup(const char *s)
{
	return mem_dup_n(s, strlen(s));
}

char *
mem_dup_n(const char *s, size_t len)
{
	char *copy = mem_resize(NULL, len + 1, 1);

	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void
mem_free(void *p)
{
	free(p);
}

void
mem_wipe(void *p, size_t len)
{
	if (len > 0)
		explicit_bzero(p, len);
}
