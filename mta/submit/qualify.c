/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/qualify.h"

#include <stdbool.h>

/* One element of the list, between commas. */
struct element {
	size_t words;    /* outside of comments */
	size_t end;      /* of the last one, in the output */
	bool is_joined;  /* what comes belongs to the last word */
	bool has_domain; /* or needs none any more */
	bool in_angle;
};

struct work {
	struct buf *out;
	struct str rest;
	const char *domain;
	struct element e;
};

static void
copy(struct work *w, size_t n)
{
	struct str part = str_head(w->rest, n);

	buf_put_str(w->out, part);
	w->rest = str_from(w->rest, part.len);
}

/* Up to and with the closing character; comments nest. */
static void
copy_until(struct work *w, char open, char close)
{
	size_t at = 1, depth = 1;

	for (; at < w->rest.len && depth > 0; at++) {
		char c = w->rest.at[at];

		if (c == '\\')
			at++;
		else if (c == close)
			depth--;
		else if (c == open)
			depth++;
	}
	copy(w, at);
}

static void
note_word(struct work *w)
{
	if (!w->e.is_joined)
		w->e.words++;
	w->e.is_joined = true;
	w->e.end = buf_len(w->out);
}

/* Behind the last word; what follows it are blanks and comments. */
static void
put_domain(struct work *w)
{
	struct str all = buf_str(w->out);
	struct buf tail;

	buf_init(&tail, w->out->max);
	buf_put_str(&tail, str_from(all, w->e.end));
	buf_truncate(w->out, w->e.end);
	buf_putf(w->out, "@%s", w->domain);
	buf_put_str(w->out, buf_str(&tail));
	buf_clear(&tail);
}

static void
end_element(struct work *w)
{
	/* "John Smith" is no address, but neither a local part. */
	if (!w->e.has_domain && w->e.words == 1)
		put_domain(w);
	w->e = (struct element){0};
}

static void
end_angle(struct work *w)
{
	if (w->e.in_angle && !w->e.has_domain && w->e.words > 0)
		put_domain(w);
	w->e.in_angle = false;
	w->e.has_domain = true;
}

/* What is no word. False where it is one. */
static bool
take_special(struct work *w, char c)
{
	switch (c) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		w->e.is_joined = false;
		break;
	case '(':
		copy_until(w, '(', ')');
		w->e.is_joined = false;
		return true;
	case '[':
		copy_until(w, '\0', ']');
		return true;
	case '@':
		w->e.has_domain = true;
		break;
	case '<':
		w->e = (struct element){.in_angle = true};
		break;
	case '>':
		end_angle(w);
		break;
	case ',':
	case ';':
		end_element(w);
		break;
	case ':':
		/* A group begins, or a route has ended. */
		w->e = (struct element){.in_angle = w->e.in_angle};
		break;
	default:
		return false;
	}
	copy(w, 1);
	return true;
}

void
qualify_addresses(struct buf *out, struct str value, const char *domain)
{
	struct work w = {.out = out, .rest = value, .domain = domain};

	while (w.rest.len > 0) {
		char c = w.rest.at[0];

		if (take_special(&w, c))
			continue;
		if (c == '"')
			copy_until(&w, '\0', '"');
		else
			copy(&w, c == '\\' ? 2 : 1);
		note_word(&w);
	}
	end_element(&w);
}
