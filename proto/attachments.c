/* SPDX-License-Identifier: ISC */
/*
 * The structure of a message, as far as it takes to count:
 *
 *   HEAD ──empty line──▶ BODY, or DONE where no multipart is open
 *   HEAD, BODY ──boundary──▶ HEAD, or BODY after a multipart's last
 *
 * Of a body only lines that begin with "--" are looked at: SKIP is the rest of
 * any other line.
 */
#include "config.h"

#include "proto/attachments.h"

#include "proto/content.h"

enum { HEAD, BODY, SKIP, DONE };

static void
begin_part(struct attachments *a)
{
	a->state = HEAD;
	a->field_len = a->line_len = 0;
	a->is_multipart = a->is_never = a->is_attached = a->is_inline = false;
	a->is_text = true; /* RFC 2045 5.2 */
	a->has_type = a->has_name = a->has_id = false;
	a->next.len = 0;
}

void
attachments_init(struct attachments *a)
{
	a->count = 0;
	a->n_frames = 0;
	begin_part(a);
}

static void
take_type(struct attachments *a, struct str value)
{
	static const char *const never[] = {"pgp-signature", "pgp-encrypted",
	    "pkcs7-signature", "x-pkcs7-signature"};
	struct content_kind kind = content_kind(value);
	bool is_message = str_is_nocase(kind.type, STR_LIT("message"));

	if (a->has_type)
		return;
	a->has_type = true;
	a->has_name = a->has_name || content_has_param(value, "name");
	a->is_text = str_is_nocase(kind.type, STR_LIT("text"));
	a->is_multipart = str_is_nocase(kind.type, STR_LIT("multipart"));
	a->is_never = is_message &&
		      !str_is_nocase(kind.subtype, STR_LIT("rfc822")) &&
		      !str_is_nocase(kind.subtype, STR_LIT("global"));
	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		if (str_is_nocase(kind.type, STR_LIT("application")) &&
		    str_is_nocase(kind.subtype, str(never[i])))
			a->is_never = true;
	}
	if (a->is_multipart && content_param(value, "boundary",
				   a->next.boundary, sizeof a->next.boundary))
		a->next.len = strlen(a->next.boundary);
}

static void
take_disposition(struct attachments *a, struct str value)
{
	struct str how = content_kind(value).type;

	/* RFC 2183 2.8: what is unknown is an attachment. */
	a->is_inline = str_is_nocase(how, STR_LIT("inline"));
	a->is_attached = how.len > 0 && !a->is_inline;
	a->has_name = a->has_name || content_has_param(value, "filename");
}

/* The field that was gathered, unfolded but for its blanks. */
static void
end_field(struct attachments *a)
{
	struct str value = str_n(a->line, a->field_len), name;

	a->field_len = 0;
	name = str_trim(str_cut(&value, ':'));
	if (value.at == NULL)
		return;
	value = str_trim(value);
	if (str_is_nocase(name, STR_LIT("Content-Type")))
		take_type(a, value);
	else if (str_is_nocase(name, STR_LIT("Content-Disposition")))
		take_disposition(a, value);
	else if (str_is_nocase(name, STR_LIT("Content-ID")))
		a->has_id = value.len > 0;
}

static bool
is_attachment(const struct attachments *a)
{
	if (a->is_multipart || a->is_never)
		return false;
	if (a->is_attached)
		return true;
	return !a->has_id && (a->has_name || (!a->is_text && !a->is_inline));
}

/* Behind a header section. */
static void
end_head(struct attachments *a)
{
	end_field(a);
	a->count += is_attachment(a);
	if (a->next.len > 0 && a->n_frames < ARRAY_LEN(a->frames))
		a->frames[a->n_frames++] = a->next;
	a->state = a->n_frames > 0 ? BODY : DONE;
	a->line_len = 0;
}

/* Of which open multipart this line is a boundary; *last: its last. */
static bool
find_boundary(
    const struct attachments *a, struct str line, size_t *frame, bool *last)
{
	struct str rest = str_from(str_trim(line), 2);

	if (!str_starts(line, STR_LIT("--")))
		return false;
	for (size_t i = a->n_frames; i-- > 0;) {
		struct str boundary =
		    str_n(a->frames[i].boundary, a->frames[i].len);
		struct str tail = str_from(rest, boundary.len);

		*frame = i;
		*last = str_is(tail, STR_LIT("--"));
		if (str_starts(rest, boundary) && (tail.len == 0 || *last))
			return true;
	}
	return false;
}

/* False where the line is no boundary. */
static bool
take_boundary(struct attachments *a, struct str line)
{
	size_t frame;
	bool last;

	if (!find_boundary(a, line, &frame, &last))
		return false;
	/* A part without a body, not even an empty one. */
	if (a->state == HEAD)
		end_head(a);
	a->n_frames = last ? frame : frame + 1;
	if (!last) {
		begin_part(a);
	} else {
		a->state = a->n_frames > 0 ? BODY : DONE;
		a->line_len = 0;
	}
	return true;
}

static struct str
without_cr(struct str line)
{
	if (str_ends(line, STR_LIT("\r")))
		line.len--;
	return line;
}

/* What is too long loses its end, but leaves room for the line that follows. */
static size_t
field_max(size_t len)
{
	return len < ATTACHMENTS_FIELD_MAX ? len : ATTACHMENTS_FIELD_MAX;
}

/* A line of a header section stands behind the field that it may go on. */
static void
end_head_line(struct attachments *a)
{
	char *at = a->line + a->field_len;
	struct str line = without_cr(str_n(at, a->line_len));

	a->line_len = 0;
	if (line.len == 0) {
		end_head(a);
	} else if (take_boundary(a, line)) {
		return;
	} else if (a->field_len > 0 && (at[0] == ' ' || at[0] == '\t')) {
		a->field_len = field_max(a->field_len + line.len);
	} else {
		end_field(a);
		memmove(a->line, line.at, line.len);
		a->field_len = field_max(line.len);
	}
}

static void
gather(struct attachments *a, struct str bytes)
{
	char *at = a->line + a->field_len + a->line_len;

	bytes = str_head(bytes, (size_t)(a->line + sizeof a->line - at));
	if (bytes.len > 0)
		memcpy(at, bytes.at, bytes.len);
	a->line_len += bytes.len;
}

static struct str
feed_head(struct attachments *a, struct str bytes)
{
	size_t n = str_find(bytes, '\n');

	gather(a, str_head(bytes, n));
	if (n < bytes.len)
		end_head_line(a);
	return str_from(bytes, n + 1);
}

/* At the start of a line, or behind what was gathered of it. */
static struct str
feed_body(struct attachments *a, struct str bytes)
{
	size_t n = str_find(bytes, '\n');

	gather(a, str_head(bytes, n));
	if ((a->line_len > 0 && a->line[0] != '-') ||
	    (a->line_len > 1 && a->line[1] != '-')) {
		a->state = SKIP;
		return bytes;
	}
	if (n < bytes.len &&
	    !take_boundary(a, without_cr(str_n(a->line, a->line_len))))
		a->line_len = 0;
	return str_from(bytes, n + 1);
}

/* The rest of a line, and all lines up to one that begins with "--". */
static struct str
feed_skip(struct attachments *a, struct str bytes)
{
	const char *at = memmem(bytes.at, bytes.len, "\n--", 3);
	size_t tail = bytes.len > 2 ? bytes.len - 2 : 0;
	size_t n = at != NULL ? (size_t)(at - bytes.at)
			      : tail + str_find(str_from(bytes, tail), '\n');

	if (n < bytes.len) {
		a->state = BODY;
		a->line_len = 0;
	}
	return str_from(bytes, n + 1);
}

void
attachments_feed(struct attachments *a, struct str bytes)
{
	while (bytes.len > 0 && a->state != DONE) {
		if (a->state == HEAD)
			bytes = feed_head(a, bytes);
		else if (a->state == BODY)
			bytes = feed_body(a, bytes);
		else
			bytes = feed_skip(a, bytes);
	}
}

void
attachments_end(struct attachments *a)
{
	if (a->state == HEAD && a->line_len > 0)
		end_head_line(a);
	if (a->state == HEAD)
		end_head(a);
	a->state = DONE;
}
