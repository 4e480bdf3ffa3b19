/* SPDX-License-Identifier: ISC */
/*
 * Why something that may fail has failed, in the only terms that matter to
 * mail: later or never, an enhanced status code (RFC 3463), and a sentence.
 *
 * A function that can fail for a reason outside the program returns -1 (or
 * NULL) and fills the caller's fault. Whoever knows the ids logs it, once.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/attr.h"

enum fault_kind {
	FAULT_TEMP = 4, /* try again later */
	FAULT_PERM = 5, /* do not try again */
};

struct fault {
	enum fault_kind kind;
	char dsn[10];   /* "5.1.1" */
	char text[240]; /* one line, no CR or LF, no full stop; may hold
			 * bytes that came from outside */
};

/* Both fill f and return -1, so that a failure is one line. */
int fault_temp(struct fault *f, const char *dsn, const char *fmt, ...)
    FORMAT(3, 4);
int fault_perm(struct fault *f, const char *dsn, const char *fmt, ...)
    FORMAT(3, 4);

/* The same for a failed system call: adds ": " and errno's text. Temporary,
 * 4.3.0, or 4.3.1 (system full) for ENOSPC and EDQUOT. */
int fault_errno(struct fault *f, const char *fmt, ...) FORMAT(2, 3);

/* Where the text begins with an enhanced code of the fault's kind, "5.2.1 this
 * mailbox is closed", that becomes the fault's code. */
void fault_take_code(struct fault *f);

#endif
