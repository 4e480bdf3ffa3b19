/* SPDX-License-Identifier: ISC */
/*
 * The body of DATA (RFC 5321 4.5.2): dot-stuffing both ways, strict CRLF.
 *
 * Works on any split of the input: state is kept in struct dot, never in the
 * caller's buffer. A bare CR or LF is an error here and nowhere else, so that
 * no variant of "<LF>.<CR><LF>" can end a message (SMTP smuggling); code behind
 * this module may assume that lines end in CRLF.
 */
#ifndef PROTO_DOT_H
#define PROTO_DOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

struct dot {
	int state;
	bool bare;     /* sticky: a bare CR or LF was seen */
	bool doubtful; /* at DOT_END: the final dot stands behind CR CR LF */
};

enum dot_result {
	DOT_MORE, /* all of *in was taken */
	DOT_END,  /* the final dot was taken; *in is behind it */
};

/*
 * Decoding: takes from *in up to the final <CRLF>.<CRLF>, passes what belongs
 * to the message to out (the CRLF before the final dot included, stuffed dots
 * removed). Goes on to the end even when `bare` is set, so that the session
 * stays in step; then the message must be refused (5.6.0). A body of only the
 * final dot is an empty message. out gets at most one byte more than *in has.
 *
 * <CR><CR><LF>.<CR><LF> does hold the end of data, and a client that makes
 * every line end so waits for the reply; but one that takes <CR><CR><LF> for
 * text may mean to go on with the message. So what follows such an end must not
 * be taken for commands: where `doubtful` is set, refuse and close.
 */
void dot_init(struct dot *d);
enum dot_result dot_decode(struct dot *d, struct str *in, struct buf *out);

/* Encoding: stuffs dots in bytes with CRLF line ends, on any split of them. */
void dot_encode(struct dot *d, struct str bytes, struct buf *out);
/* The final ".CRLF", with a CRLF before it where the last line has none (or an
 * LF, where only that is missing). */
void dot_finish(struct dot *d, struct buf *out);

/* For BDAT without BINARYMIME: the same strictness about line ends, nothing
 * removed. Sets d->bare; a CR at the very end is bare too: dot_check_end(). */
void dot_check(struct dot *d, struct str bytes);
void dot_check_end(struct dot *d);

#endif
