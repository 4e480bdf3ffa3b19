/* SPDX-License-Identifier: ISC */
/*
 * Filling a fault. The text is made one line here, so that nothing that came
 * from outside can put a second reply line or log line into it.
 */
#include "config.h"

#include "base/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static void fill(struct fault *f, enum fault_kind kind, const char *dsn,
    const char *fmt, va_list ap) FORMAT(4, 0);

static void
fill(struct fault *f, enum fault_kind kind, const char *dsn, const char *fmt,
    va_list ap)
{
	f->kind = kind;
	snprintf(f->dsn, sizeof f->dsn, "%s", dsn);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	for (char *p = f->text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	}
}

int
fault_temp(struct fault *f, const char *dsn, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, FAULT_TEMP, dsn, fmt, ap);
	va_end(ap);
	return -1;
}

int
fault_perm(struct fault *f, const char *dsn, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, FAULT_PERM, dsn, fmt, ap);
	va_end(ap);
	return -1;
}

int
fault_errno(struct fault *f, const char *fmt, ...)
{
	int error = errno;
	const char *dsn =
	    error == ENOSPC || error == EDQUOT ? "4.3.1" : "4.3.0";
	size_t used;
	va_list ap;

	va_start(ap, fmt);
	fill(f, FAULT_TEMP, dsn, fmt, ap);
	va_end(ap);
	used = strlen(f->text);
	snprintf(
	    f->text + used, sizeof f->text - used, ": %s", strerror(error));
	return -1;
}

void
fault_take_code(struct fault *f)
{
	struct str text = str(f->text);
	struct str code = str_head(text, str_find(text, ' ')), rest = code;
	uint64_t n;

	if (code.len == text.len || code.len >= sizeof f->dsn ||
	    code.at[0] == '0' ||
	    !str_to_u64(str_cut(&rest, '.'), f->kind, f->kind, &n) ||
	    !str_to_u64(str_cut(&rest, '.'), 0, 999, &n) ||
	    !str_to_u64(rest, 0, 999, &n))
		return;
	/* It fits. */
	(void)!str_copy(code, f->dsn, sizeof f->dsn);
	memmove(f->text, f->text + code.len + 1, text.len - code.len);
}
