/* SPDX-License-Identifier: ISC */
/* Time, in the three forms that mail needs. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds that never go back, for deadlines. 0 is never returned. */
int64_t clock_ms(void);
/* Microseconds since 1970, for ids and records. */
int64_t clock_unix_us(void);

/* RFC 5322 3.3, local zone: "Mon, 23 Nov 2026 17:05:38 +0000". */
enum { CLOCK_DATE_SIZE = 40 };
void clock_format_date(time_t t, char date[CLOCK_DATE_SIZE]);

#endif
