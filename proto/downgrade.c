/* SPDX-License-Identifier: ISC */
/*
 * The structure of a message (RFC 2046), read line by line:
 *
 *   HEADER ──empty line──▶ LEAF                 a body
 *                      ├─▶ FILLER ──boundary──▶ HEADER   multipart
 *                      └─▶ HEADER                        message/rfc822
 *   any ──boundary of an open multipart──▶ HEADER, or FILLER after its last
 *
 * Entities (the message, parts, messages within) are numbered as they come; the
 * survey notes for each what is to become of it, and the conversion, which reads
 * the same bytes, finds it by the number. The CRLF before a boundary belongs to
 * the boundary, so that of each line is held until the next one is known.
 */
#include "config.h"

#include "proto/downgrade.h"

#include "base/mem.h"
#include "proto/content.h"
#include "proto/header.h"

enum {
	LINE_HELD = 4096,     /* of a body's line, before it goes on */
	FIELD_MAX = 64 << 10, /* a header field */
	ENTITIES_MAX = 10000,
	FRAMES_MAX = 32,
	BOUNDARY_MAX = 128,
	LINE_ALLOWED = 998, /* RFC 5321 4.5.3.1.6 */
};

enum state {
	STATE_HEADER,
	STATE_LEAF,
	STATE_FILLER, /* before the first and after the last boundary */
};

enum fate {
	FATE_KEEP,
	FATE_LABEL,  /* the bytes stay */
	FATE_ENCODE, /* the bytes too are changed */
};

struct entity {
	uint8_t fate;
	enum encoding encoding; /* the new one */
	bool no_type, no_version;
};

enum kind { KIND_TEXT, KIND_OTHER, KIND_MULTIPART, KIND_MESSAGE, KIND_FIXED };

struct frame {
	char boundary[BOUNDARY_MAX + 1];
	size_t len;
	bool is_digest;
	bool has_parts;
};

struct downgrade {
	enum encoding to;
	bool converting;
	struct entity *entities;
	size_t n_entities, room;

	/* The reading of one pass. */
	enum state state;
	size_t current; /* entity */
	struct buf line;
	bool at_start;   /* of a line, behind CRLF */
	bool in_line;    /* part of this line went on already */
	bool held_end;   /* a CRLF that may be a boundary's */
	size_t line_len; /* of a body's line so far */
	struct frame frames[FRAMES_MAX];
	size_t n_frames;

	/* Of the current entity. */
	struct buf field;
	bool is_message; /* the message, or one within: not a part */
	bool has_type, has_label, has_version;
	enum kind kind;
	struct frame next; /* a multipart's */
	enum encoding encoding;
	bool has_8bit, has_binary;

	struct encode encode;
	struct buf *out; /* converting */
	bool failed;     /* surveying */
	struct fault why;
};

static void start_pass(struct downgrade *d, bool converting);

struct downgrade *
downgrade_new(enum encoding to)
{
	struct downgrade *d = mem_new(struct downgrade);

	d->to = to;
	buf_init(&d->line, LINE_HELD + 2);
	buf_init(&d->field, FIELD_MAX);
	start_pass(d, false);
	return d;
}

void
downgrade_free(struct downgrade **downgrade)
{
	if (*downgrade == NULL)
		return;
	buf_clear(&(*downgrade)->line);
	buf_clear(&(*downgrade)->field);
	mem_free((*downgrade)->entities);
	mem_free(*downgrade);
	*downgrade = NULL;
}

static void
fail(struct downgrade *d, const char *why)
{
	if (d->converting || d->failed)
		return;
	d->failed = true;
	fault_perm(&d->why, "5.6.3",
	    "the next server takes no such message, and %s", why);
}

static void
put(struct downgrade *d, struct str bytes)
{
	if (d->converting)
		buf_put_str(d->out, bytes);
}

/* Entities. */

static void
begin_entity(struct downgrade *d, bool is_message, bool is_first)
{
	d->current = is_first ? 0 : d->current + 1;
	d->state = STATE_HEADER;
	d->is_message = is_message;
	d->has_type = d->has_label = d->has_version = false;
	d->kind = KIND_TEXT;
	if (!is_message && d->n_frames > 0 &&
	    d->frames[d->n_frames - 1].is_digest)
		d->kind = KIND_MESSAGE;
	d->encoding = ENCODING_7BIT;
	d->has_8bit = d->has_binary = false;
	d->line_len = 0;
	buf_reset(&d->field);
	encode_init(&d->encode, ENCODING_7BIT);
	if (d->converting)
		return;
	if (d->current >= ENTITIES_MAX) {
		fail(d, "it has too many parts");
		return;
	}
	if (d->current == d->room) {
		d->room = d->room == 0 ? 8 : 2 * d->room;
		d->entities =
		    mem_resize(d->entities, d->room, sizeof *d->entities);
	}
	d->entities[d->current] = (struct entity){.fate = FATE_KEEP};
	d->n_entities = d->current + 1;
}

static void
start_pass(struct downgrade *d, bool converting)
{
	d->converting = converting;
	d->n_frames = 0;
	d->at_start = true;
	d->in_line = d->held_end = false;
	buf_reset(&d->line);
	begin_entity(d, true, true);
}

static struct entity
plan(const struct downgrade *d)
{
	const struct entity keep = {.fate = FATE_KEEP};

	return d->current < d->n_entities ? d->entities[d->current] : keep;
}

static bool
is_plain(enum encoding encoding)
{
	return encoding <= ENCODING_BINARY;
}

/* The survey has seen all of a body: what is to become of it. */
static void
decide(struct downgrade *d)
{
	bool needs = d->has_binary || (d->has_8bit && d->to == ENCODING_7BIT);
	enum encoding label = d->has_8bit ? ENCODING_8BIT : ENCODING_7BIT;
	struct entity *e;

	if (d->converting || d->failed)
		return;
	e = &d->entities[d->current];
	e->no_type = !d->has_type;
	e->no_version = d->is_message && !d->has_version;
	if (d->kind == KIND_MULTIPART || d->kind == KIND_MESSAGE)
		label = d->to;
	if (needs && !is_plain(d->encoding)) {
		fail(d, "a part is not encoded as it says");
	} else if (needs && d->kind == KIND_FIXED) {
		fail(d, "a part of it may not be encoded");
	} else if (needs) {
		e->fate = FATE_ENCODE;
		e->encoding =
		    d->kind == KIND_TEXT ? ENCODING_QUOTED : ENCODING_BASE64;
	} else if (is_plain(d->encoding) && d->encoding > d->to) {
		e->fate = FATE_LABEL;
		e->encoding = label;
	}
}

/* What stands in no part is lost where it has odd bytes: few programs show it.
 * But where there is no part at all it may be the message. */
static void
end_filler(struct downgrade *d)
{
	bool odd = d->has_8bit && d->to == ENCODING_7BIT;

	if (d->n_frames > 0 && !d->frames[d->n_frames - 1].has_parts &&
	    (odd || d->has_binary))
		fail(d, "a multipart of it has no parts");
}

/* The end of whatever was read last. */
static void
end_entity(struct downgrade *d)
{
	if (d->state == STATE_FILLER)
		end_filler(d);
	if (d->state == STATE_LEAF && d->converting)
		encode_end(&d->encode, d->out);
	if (d->state == STATE_LEAF)
		decide(d);
}

/* Header fields. */

static bool
find_boundary(struct str value, struct frame *frame)
{
	frame->len = 0;
	if (!content_param(
		value, "boundary", frame->boundary, sizeof frame->boundary))
		return false;
	frame->len = strlen(frame->boundary);
	return true;
}

static void
take_type(struct downgrade *d, struct str value)
{
	struct content_kind kind = content_kind(value);

	d->has_type = true;
	d->kind = KIND_OTHER;
	if (str_is_nocase(kind.type, STR_LIT("text"))) {
		d->kind = KIND_TEXT;
	} else if (str_is_nocase(kind.type, STR_LIT("message"))) {
		d->kind = str_is_nocase(kind.subtype, STR_LIT("rfc822"))
			      ? KIND_MESSAGE
			      : KIND_FIXED;
	} else if (str_is_nocase(kind.type, STR_LIT("multipart"))) {
		d->next.is_digest =
		    str_is_nocase(kind.subtype, STR_LIT("digest"));
		d->kind = find_boundary(value, &d->next) ? KIND_MULTIPART
							 : KIND_FIXED;
	}
}

static void
put_label(struct downgrade *d, enum encoding encoding)
{
	put(d, STR_LIT("Content-Transfer-Encoding: "));
	put(d, str(encoding_name(encoding)));
	put(d, STR_LIT("\r\n"));
}

/* The field that was gathered. */
static void
end_field(struct downgrade *d)
{
	struct str whole = buf_str(&d->field), rest = whole;
	struct header_field field;
	struct entity e = plan(d);
	bool is_label = false;
	struct buf value;

	if (whole.len == 0)
		return;
	if (buf_is_full(&d->field))
		fail(d, "a header field is too long");
	for (size_t i = 0; i < whole.len; i++)
		if ((unsigned char)whole.at[i] >= 0x80)
			fail(d, "its header has 8-bit characters");
	buf_init(&value, FIELD_MAX);
	if (header_next(&rest, &field)) {
		header_unfold(&value, field.value);
		if (str_is_nocase(field.name, STR_LIT("Content-Type")) &&
		    !d->has_type) {
			take_type(d, buf_str(&value));
		} else if (str_is_nocase(field.name,
			       STR_LIT("Content-Transfer-Encoding"))) {
			is_label = true;
			if (!d->has_label)
				d->encoding = encoding_parse(buf_str(&value));
		} else if (str_is_nocase(field.name, STR_LIT("MIME-Version"))) {
			d->has_version = true;
		}
	}
	if (is_label && e.fate != FATE_KEEP) {
		if (!d->has_label)
			put_label(d, e.encoding);
	} else {
		put(d, whole);
	}
	d->has_label = d->has_label || is_label;
	buf_clear(&value);
	buf_reset(&d->field);
}

/* What the header lacks for the new encoding to be understood. */
static void
put_missing(struct downgrade *d)
{
	struct entity e = plan(d);

	if (e.fate != FATE_ENCODE)
		return;
	if (e.no_version)
		put(d, STR_LIT("MIME-Version: 1.0\r\n"));
	if (e.no_type)
		put(d, STR_LIT("Content-Type: text/plain; "
			       "charset=unknown-8bit\r\n"));
	if (!d->has_label)
		put_label(d, e.encoding);
}

static void
open_multipart(struct downgrade *d)
{
	decide(d);
	if (d->n_frames == FRAMES_MAX) {
		fail(d, "its parts are nested too deeply");
		d->state = STATE_LEAF;
		return;
	}
	d->next.has_parts = false;
	d->frames[d->n_frames++] = d->next;
	d->state = STATE_FILLER;
}

/* end: the line that ends it, or nothing. */
static void
end_header(struct downgrade *d, struct str end)
{
	struct entity e;

	end_field(d);
	/* Structure is seen only where programs agree that it begins. */
	if (end.len == 0 && d->kind >= KIND_MULTIPART)
		d->kind = KIND_FIXED;
	e = plan(d);
	put_missing(d);
	/* A body that follows at once needs its empty line all the same. */
	if (end.len == 0 && e.fate == FATE_ENCODE)
		end = STR_LIT("\r\n");
	put(d, end);
	d->held_end = false;
	d->line_len = 0;
	encode_init(
	    &d->encode, e.fate == FATE_ENCODE ? e.encoding : ENCODING_7BIT);
	if (d->kind == KIND_MULTIPART && is_plain(d->encoding)) {
		open_multipart(d);
	} else if (d->kind == KIND_MESSAGE && is_plain(d->encoding)) {
		decide(d);
		begin_entity(d, true, false);
	} else {
		d->state = STATE_LEAF;
	}
}

/* Bodies. */

static void
note_bytes(struct downgrade *d, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];

		d->has_8bit = d->has_8bit || c >= 0x80;
		d->has_binary =
		    d->has_binary || c == '\0' || c == '\r' || c == '\n';
	}
	d->line_len += bytes.len;
	d->has_binary = d->has_binary || d->line_len > LINE_ALLOWED;
}

static void
put_filler(struct downgrade *d, struct str bytes)
{
	for (size_t i = 0; d->converting && i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];
		bool odd = c == '\0' || (c >= 0x80 && d->to == ENCODING_7BIT);

		buf_putc(d->out, odd ? '?' : (char)c);
	}
}

static void
put_body(struct downgrade *d, struct str bytes)
{
	if (d->state == STATE_FILLER)
		put_filler(d, bytes);
	else if (d->converting)
		encode_put(&d->encode, bytes, d->out);
}

/* A line, or a piece of one, of a body: text without end, then the end. */
static void
take_body(struct downgrade *d, struct str text, struct str end)
{
	if (d->held_end)
		put_body(d, STR_LIT("\r\n"));
	d->held_end = str_is(end, STR_LIT("\r\n"));
	note_bytes(d, text);
	put_body(d, text);
	if (d->held_end) {
		d->line_len = 0;
	} else {
		note_bytes(d, end);
		put_body(d, end);
	}
}

/* Which open multipart's boundary this line is; *last: it is its end. */
static bool
is_boundary(
    const struct downgrade *d, struct str line, size_t *frame, bool *last)
{
	if (!str_starts(line, STR_LIT("--")))
		return false;
	for (size_t i = d->n_frames; i-- > 0;) {
		const struct frame *f = &d->frames[i];
		struct str rest = str_from(line, 2 + f->len);

		if (!str_starts(str_from(line, 2), str_n(f->boundary, f->len)))
			continue;
		*last = str_starts(rest, STR_LIT("--"));
		if (*last)
			rest = str_from(rest, 2);
		*frame = i;
		if (str_trim(rest).len == 0)
			return true;
	}
	return false;
}

static void
take_boundary(struct downgrade *d, struct str line, size_t frame, bool last)
{
	if (d->state == STATE_HEADER) {
		/* A part without a body, not even an empty one. */
		end_field(d);
		d->state = STATE_LEAF;
	}
	if (!last)
		d->frames[frame].has_parts = true;
	end_entity(d);
	if (d->held_end)
		put(d, STR_LIT("\r\n"));
	d->held_end = false;
	put(d, line);
	d->n_frames = last ? frame : frame + 1;
	if (last) {
		d->state = STATE_FILLER;
		d->line_len = 0;
	} else {
		begin_entity(d, false, false);
	}
}

static bool
is_field_start(struct str line)
{
	struct header_field field;
	struct str rest = line;

	return header_next(&rest, &field);
}

static void
take_header_line(struct downgrade *d, struct str text, struct str end)
{
	struct str line = str_n(text.at, text.len + end.len);
	bool folded = text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t');

	if (d->in_line || (folded && buf_len(&d->field) > 0)) {
		buf_put_str(&d->field, line);
		return;
	}
	if (text.len == 0 && end.len > 0) {
		end_header(d, end);
		return;
	}
	end_field(d);
	/* A piece of a long line is the beginning of a long field. */
	if (end.len == 0 || is_field_start(line)) {
		buf_put_str(&d->field, line);
		return;
	}
	end_header(d, STR_LIT(""));
	if (d->state == STATE_HEADER)
		take_header_line(d, text, end);
	else
		take_body(d, text, end);
}

/* What stands in d->line: a whole line, a piece of one, or the last bytes. */
static void
take_line(struct downgrade *d)
{
	struct str line = buf_str(&d->line), text = line, end;
	bool last;
	size_t frame;

	if (str_ends(line, STR_LIT("\r\n")))
		text.len -= 2;
	else if (str_ends(line, STR_LIT("\n")))
		text.len -= 1;
	end = str_from(line, text.len);
	if (d->at_start && is_boundary(d, text, &frame, &last))
		take_boundary(d, line, frame, last);
	else if (d->state == STATE_HEADER)
		take_header_line(d, text, end);
	else
		take_body(d, text, end);
	d->in_line = end.len == 0;
	d->at_start = end.len == 2;
	buf_reset(&d->line);
}

static void
feed(struct downgrade *d, struct str bytes)
{
	while (bytes.len > 0) {
		size_t room = LINE_HELD - buf_len(&d->line);
		size_t n = str_find(bytes, '\n') + 1;
		bool whole = n <= bytes.len && n <= room;

		n = n < bytes.len ? n : bytes.len;
		n = n < room ? n : room;
		buf_put(&d->line, bytes.at, n);
		bytes = str_from(bytes, n);
		if (whole) {
			take_line(d);
		} else if (buf_len(&d->line) == LINE_HELD) {
			bool cr = str_ends(buf_str(&d->line), STR_LIT("\r"));

			/* Its LF may follow. */
			if (cr)
				buf_truncate(&d->line, LINE_HELD - 1);
			take_line(d);
			if (cr)
				buf_putc(&d->line, '\r');
		}
	}
}

static void
finish(struct downgrade *d)
{
	if (buf_len(&d->line) > 0)
		take_line(d);
	if (d->state == STATE_HEADER) {
		end_field(d);
		d->state = STATE_LEAF;
	}
	/* No boundary has come for it: the last line's end is the body's. */
	if (d->held_end)
		put_body(d, STR_LIT("\r\n"));
	end_entity(d);
}

int
downgrade_survey(struct downgrade *d, struct str bytes, struct fault *f)
{
	feed(d, bytes);
	if (!d->failed)
		return 0;
	*f = d->why;
	return -1;
}

int
downgrade_survey_end(struct downgrade *d, struct fault *f)
{
	finish(d);
	if (!d->failed)
		return 0;
	*f = d->why;
	return -1;
}

void
downgrade_begin(struct downgrade *d)
{
	start_pass(d, true);
}

void
downgrade_convert(struct downgrade *d, struct str bytes, struct buf *out)
{
	d->out = out;
	feed(d, bytes);
}

void
downgrade_convert_end(struct downgrade *d, struct buf *out)
{
	d->out = out;
	finish(d);
	/* Base64 puts no line end behind its last line. */
	if (d->encode.encoding == ENCODING_BASE64 && d->state == STATE_LEAF)
		buf_puts(out, "\r\n");
}
