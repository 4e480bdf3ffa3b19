/* SPDX-License-Identifier: ISC */
/*
 * Reading a file of messages through a window of fixed size, so that neither
 * the file nor any line in it has a length that costs memory.
 *
 * The empty line before a "From " line is not the message's; so one empty line
 * is always held back until it is known what follows.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/mbox_private.h"

#include "base/mem.h"

enum {
	WINDOW = 256 << 10,
	/* A "From " line is shorter, and so is what is looked at of others. */
	LINE_MAX_SEEN = 1000,
};

struct mbox {
	int fd;
	enum mbox_format format;
	char *window;
	size_t start, end;
	uint64_t at; /* in the file, of window[start] */
	bool eof;
	bool in_message;
	bool in_fields;
	bool at_line;           /* a line begins here */
	bool crlf;              /* lines of this message end so */
	bool has_blank, has_lf; /* is held back */
	uint64_t limit;         /* UINT64_MAX: a "From " line ends it */
	struct buf raw, head;
};

struct mbox *
mbox_new(int fd, enum mbox_format format)
{
	struct mbox *m = mem_new(struct mbox);

	m->fd = fd;
	m->format = format;
	m->window = mem_zeroed(1, WINDOW);
	/* A piece may be as long as the window. */
	buf_init(&m->raw, MBOX_HEAD_MAX + WINDOW);
	buf_init(&m->head, MBOX_HEAD_MAX + WINDOW);
	return m;
}

void
mbox_free(struct mbox **mbox)
{
	if (*mbox == NULL)
		return;
	buf_clear(&(*mbox)->raw);
	buf_clear(&(*mbox)->head);
	mem_free((*mbox)->window);
	mem_free(*mbox);
	*mbox = NULL;
}

bool
mbox_is_start(struct str bytes)
{
	while (bytes.len > 0 && (bytes.at[0] == '\n' || bytes.at[0] == '\r'))
		bytes = str_from(bytes, 1);
	return str_starts(bytes, STR_LIT("From "));
}

uint64_t
mbox_position(const struct mbox *m)
{
	return m->at;
}

/* The window. */

static int
fill(struct mbox *m, struct fault *f)
{
	if (m->eof || m->end - m->start > LINE_MAX_SEEN)
		return 0;
	memmove(m->window, m->window + m->start, m->end - m->start);
	m->end -= m->start;
	m->start = 0;
	while (!m->eof && m->end < WINDOW) {
		ssize_t n = pread(m->fd, m->window + m->end, WINDOW - m->end,
		    (off_t)(m->at + m->end));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, "cannot read the mbox");
		m->eof = n == 0;
		m->end += (size_t)n;
	}
	return 0;
}

static struct str
visible(const struct mbox *m)
{
	return str_n(m->window + m->start, m->end - m->start);
}

static void
consume(struct mbox *m, size_t n)
{
	m->start += n;
	m->at += n;
}

/* The line that begins here without its end. False where it is too long to be
 * looked at. */
static bool
see_line(const struct mbox *m, struct str *line)
{
	struct str seen = str_head(visible(m), LINE_MAX_SEEN);
	size_t lf = str_find(seen, '\n');

	if (lf == seen.len && seen.len == LINE_MAX_SEEN)
		return false;
	*line = str_head(seen, lf);
	if (str_ends(*line, STR_LIT("\r")))
		line->len--;
	return true;
}

/* Lines. */

static bool
is_bare(struct str rest)
{
	rest = str_trim(rest);
	return rest.len == 0 || str_is(rest, STR_LIT("-"));
}

/* Whether the next message begins here. */
static bool
is_separator(const struct mbox *m)
{
	struct str line;
	int64_t time;

	if (!str_starts(visible(m), STR_LIT("From ")) || !see_line(m, &line))
		return false;
	/* Thunderbird's have no date. */
	return mbox_parse_from(line, &time) ||
	       (m->has_blank && is_bare(str_from(line, 5)));
}

/* How long an empty line that begins here is; 0: it is none. */
static size_t
blank_len(const struct mbox *m)
{
	struct str seen = visible(m);

	if (str_starts(seen, STR_LIT("\n")))
		return 1;
	return m->crlf && str_starts(seen, STR_LIT("\r\n")) ? 2 : 0;
}

static bool
is_quoted(const struct mbox *m)
{
	struct str seen = str_head(visible(m), LINE_MAX_SEEN);
	size_t n = 0;

	if (m->format == MBOX_CL2)
		return false;
	while (n < seen.len && seen.at[n] == '>')
		n++;
	if (n == 0 || (m->format == MBOX_O && n > 1))
		return false;
	return str_starts(str_from(seen, n), STR_LIT("From "));
}

/* As much of the line as is visible, or its rest. */
static struct str
take_piece(struct mbox *m)
{
	struct str seen = visible(m), piece;
	size_t lf;

	if (seen.len > m->limit - m->at)
		seen.len = (size_t)(m->limit - m->at);
	lf = str_find(seen, '\n');
	piece = str_head(seen, lf + 1);
	m->at_line = lf < seen.len;
	/* Its LF may be the next that becomes visible. */
	if (!m->at_line && m->crlf && piece.len > 1 && !m->eof &&
	    piece.at[piece.len - 1] == '\r')
		piece.len--;
	consume(m, piece.len);
	if (m->crlf && str_ends(piece, STR_LIT("\r\n"))) {
		piece.len -= 2;
		m->has_lf = true;
	}
	return piece;
}

/* At the beginning of a line: 1 with a piece, 0 where the message has ended,
 * 2 where the line is to be taken. */
static int
begin_line(struct mbox *m, struct str *piece)
{
	size_t blank = blank_len(m);

	if (m->limit != UINT64_MAX)
		return 2;
	/* The line behind the fields may look like the next message's. */
	if (m->format == MBOX_CL2 && m->in_fields)
		return is_separator(m) ? 0 : 2;
	if (is_separator(m) || visible(m).len == 0) {
		m->has_blank = false;
		return 0;
	}
	if (m->has_blank) {
		m->has_blank = false;
		*piece = STR_LIT("\n");
		return 1;
	}
	if (blank > 0) {
		consume(m, blank);
		m->has_blank = true;
		*piece = STR_LIT("");
		return 1;
	}
	if (is_quoted(m))
		consume(m, 1);
	return 2;
}

/* The next piece of the message: 1 (it may be empty), 0 at its end, -1. */
static int
pull(struct mbox *m, struct str *piece, struct fault *f)
{
	int rc = 2;

	if (m->has_lf) {
		m->has_lf = false;
		*piece = STR_LIT("\n");
		return 1;
	}
	if (fill(m, f) < 0)
		return -1;
	if (m->at_line)
		rc = begin_line(m, piece);
	if (rc < 2)
		return rc;
	if (visible(m).len == 0 || m->at == m->limit)
		return 0;
	*piece = take_piece(m);
	return 1;
}

/* Messages. */

static int
skip_rest(struct mbox *m, struct fault *f)
{
	struct str piece;
	int rc;

	while (m->in_message) {
		rc = pull(m, &piece, f);
		if (rc < 0)
			return -1;
		m->in_message = rc > 0;
	}
	return 0;
}

/* Empty lines before the first message, or behind one whose length is given. */
static int
skip_blanks(struct mbox *m, struct fault *f)
{
	size_t n = 1;

	m->crlf = true;
	while (n > 0) {
		if (fill(m, f) < 0)
			return -1;
		n = blank_len(m);
		consume(m, n);
	}
	return 0;
}

/* The "From " line: 1, 0 at the end. */
static int
take_from(struct mbox *m, struct mbox_message *message, struct fault *f)
{
	struct str line;

	if (skip_blanks(m, f) < 0)
		return -1;
	if (visible(m).len == 0)
		return 0;
	if (!str_starts(visible(m), STR_LIT("From ")) || !see_line(m, &line))
		return fault_perm(f, "5.6.0",
		    "this is no mbox: no \"From \" line at byte %llu",
		    (unsigned long long)m->at);
	message->at = m->at;
	if (!mbox_parse_from(line, &message->time))
		message->time = 0;
	consume(m, line.len);
	m->crlf = str_starts(visible(m), STR_LIT("\r"));
	consume(m, m->crlf);
	if (visible(m).len > 0)
		consume(m, 1);
	return 1;
}

/* Up to the empty line, which is put too. */
static int
take_fields(struct mbox *m, struct fault *f)
{
	bool at_line = true;
	struct str piece;
	int rc = 1;

	buf_reset(&m->raw);
	m->in_fields = true;
	while (buf_len(&m->raw) < MBOX_HEAD_MAX) {
		rc = pull(m, &piece, f);
		if (rc <= 0)
			break;
		buf_put_str(&m->raw, piece);
		if (at_line && str_is(piece, STR_LIT("\n")))
			break;
		if (piece.len > 0)
			at_line = piece.at[piece.len - 1] == '\n';
	}
	m->in_fields = false;
	if (rc == 0)
		m->in_message = false;
	return rc < 0 ? -1 : 0;
}

/* What Content-Length says is only believed where the next message begins
 * there, or the file ends. */
static int
check_limit(struct mbox *m, const struct mbox_head *head, struct fault *f)
{
	uint64_t limit = m->at + head->content_length;
	char after[8];
	ssize_t n;
	struct str seen;

	if (m->format != MBOX_CL2 || !head->has_length || !m->in_message ||
	    head->content_length > INT64_MAX - m->at)
		return 0;
	n = pread(m->fd, after, sizeof after, (off_t)limit);
	if (n < 0)
		return fault_errno(f, "cannot read the mbox");
	seen = str_n(after, (size_t)n);
	while (seen.len > 0 && (seen.at[0] == '\n' || seen.at[0] == '\r'))
		seen = str_from(seen, 1);
	if ((seen.len == 0 && n < (ssize_t)sizeof after) ||
	    str_starts(seen, STR_LIT("From ")))
		m->limit = limit;
	return 0;
}

static int
next(struct mbox *m, struct mbox_message *message, bool *dropped,
    struct fault *f)
{
	struct mbox_head head = {0};
	int rc;

	*message = (struct mbox_message){0};
	if (skip_rest(m, f) < 0)
		return -1;
	m->limit = UINT64_MAX;
	rc = take_from(m, message, f);
	if (rc <= 0)
		return rc;
	m->in_message = m->at_line = true;
	m->has_blank = m->has_lf = false;
	if (take_fields(m, f) < 0)
		return -1;
	head.fields = buf_str(&m->raw);
	buf_reset(&m->head);
	mbox_read_head(&head, message, &m->head);
	*dropped = head.is_dropped;
	return check_limit(m, &head, f) < 0 ? -1 : 1;
}

int
mbox_next(struct mbox *m, struct mbox_message *message, struct fault *f)
{
	bool dropped = true;
	int rc = 1;

	while (rc > 0 && dropped)
		rc = next(m, message, &dropped, f);
	return rc;
}

int
mbox_read(struct mbox *m,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f)
{
	struct str bytes = buf_str(&m->head);
	int rc;

	for (;;) {
		if (bytes.len > 0) {
			rc = piece(ctx, bytes, f);
			if (rc != 0)
				return rc;
		}
		if (!m->in_message)
			return 0;
		rc = pull(m, &bytes, f);
		if (rc < 0)
			return -1;
		if (rc == 0) {
			m->in_message = false;
			return 0;
		}
	}
}
