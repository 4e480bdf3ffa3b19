/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/size.h"

#include "base/str.h"

void
size_put(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		buf_putf(b, "%llu B", (unsigned long long)bytes);
		return;
	}
	value /= 1024;
	/* What would be shown as 1024 is one of the next unit. */
	while (value >= 1023.95 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1024;
		unit++;
	}
	buf_putf(b, "%.1f %s", value, units[unit]);
}
