/* SPDX-License-Identifier: ISC */
/* Clocks; dates are written without the C library's locale. */
#include "config.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

int64_t
clock_ms(void)
{
	struct timespec t;
	int64_t ms;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
	return ms > 0 ? ms : 1;
}

int64_t
clock_unix_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void
clock_format_date(time_t t, char date[CLOCK_DATE_SIZE])
{
	static const char days[][4] = {
	    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm tm;
	long zone;

	/* Only a year past the range of int makes this fail. */
	if (localtime_r(&t, &tm) == NULL) {
		t = 0;
		gmtime_r(&t, &tm);
	}
	zone = tm.tm_gmtoff / 60;
	snprintf(date, CLOCK_DATE_SIZE,
	    "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld",
	    days[tm.tm_wday % 7], tm.tm_mday % 100, months[tm.tm_mon % 12],
	    (tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100,
	    tm.tm_sec % 100, zone < 0 ? '-' : '+', labs(zone) / 60 % 100,
	    labs(zone) % 60);
}
