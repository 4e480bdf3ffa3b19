/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/gzip.h"

#include <sysexits.h>
#include <zlib.h>

#include "base/mem.h"

enum { GZIP_WINDOW = 15 + 16, MEMORY = 8, PIECE = 16 << 10 };

void
gzip_put(struct buf *b, struct str bytes)
{
	z_stream z = {.avail_in = (uInt)bytes.len};
	unsigned char piece[PIECE];
	int rc;

	/* It does not write to what it reads. */
	z.next_in = (unsigned char *)(uintptr_t)bytes.at;
	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
		MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		die(EX_OSERR, "posthouse: zlib: no memory");
	do {
		z.next_out = piece;
		z.avail_out = sizeof piece;
		rc = deflate(&z, Z_FINISH);
		buf_put(b, piece, sizeof piece - z.avail_out);
	} while (rc == Z_OK);
	deflateEnd(&z);
}
