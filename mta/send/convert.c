/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/convert.h"

#include "base/buf.h"

static bool
has(const struct smtp_peer *peer, unsigned extension)
{
	return (peer->extensions & extension) != 0;
}

static bool
takes_binary(const struct smtp_peer *peer)
{
	return has(peer, EXT_BINARYMIME) && has(peer, EXT_CHUNKING);
}

bool
convert_is_needed(
    const struct envelope_mail *mail, const struct smtp_peer *peer)
{
	switch (mail->body) {
	case BODY_7BIT:
		break;
	case BODY_8BITMIME:
		return !has(peer, EXT_8BITMIME);
	case BODY_BINARYMIME:
		return !takes_binary(peer);
	}
	return false;
}

/* The head is where the message's header begins, so it belongs to it. */
static int
read_all(const struct send_message *m,
    int (*piece)(void *to, struct str bytes, struct fault *f), void *to,
    struct fault *f)
{
	if (piece(to, m->head, f) < 0)
		return -1;
	return m->each == NULL ? 0 : m->each(m->ctx, piece, to, f);
}

static int
survey_piece(void *to, struct str bytes, struct fault *f)
{
	return downgrade_survey(to, bytes, f);
}

/* One conversion on its way. */
struct flow {
	struct downgrade *downgrade;
	struct buf out;
	int (*piece)(void *to, struct str bytes, struct fault *f);
	void *to;
};

static int
flow_out(struct flow *flow, struct fault *f)
{
	int rc = flow->piece(flow->to, buf_str(&flow->out), f);

	buf_reset(&flow->out);
	return rc;
}

static int
convert_piece(void *to, struct str bytes, struct fault *f)
{
	struct flow *flow = to;

	while (bytes.len > 0) {
		struct str part = str_head(bytes, DOWNGRADE_FEED_MAX);

		downgrade_convert(flow->downgrade, part, &flow->out);
		bytes = str_from(bytes, part.len);
		if (flow_out(flow, f) < 0)
			return -1;
	}
	return 0;
}

static int
each_converted(void *ctx,
    int (*piece)(void *to, struct str bytes, struct fault *f), void *to,
    struct fault *f)
{
	struct convert *c = ctx;
	struct flow flow = {
	    .downgrade = c->downgrade, .piece = piece, .to = to};
	int rc;

	buf_init(&flow.out, DOWNGRADE_OUT_MAX);
	downgrade_begin(c->downgrade);
	rc = read_all(c->original, convert_piece, &flow, f);
	if (rc == 0) {
		downgrade_convert_end(c->downgrade, &flow.out);
		rc = flow_out(&flow, f);
	}
	buf_clear(&flow.out);
	return rc;
}

int
convert_begin(struct convert *c, const struct send_message *original,
    const struct smtp_peer *peer, struct send_message *converted,
    struct fault *f)
{
	bool eight = has(peer, EXT_8BITMIME);

	*c = (struct convert){.original = original, .mail = *original->mail};
	c->downgrade = downgrade_new(eight ? ENCODING_8BIT : ENCODING_7BIT);
	c->mail.body = eight ? BODY_8BITMIME : BODY_7BIT;
	*converted = *original;
	converted->mail = &c->mail;
	converted->head = (struct str){0};
	converted->size = original->head.len + original->size;
	converted->each = each_converted;
	converted->ctx = c;
	if (read_all(original, survey_piece, c->downgrade, f) < 0)
		return -1;
	return downgrade_survey_end(c->downgrade, f);
}

void
convert_clear(struct convert *c)
{
	downgrade_free(&c->downgrade);
}
