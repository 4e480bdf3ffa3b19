/* SPDX-License-Identifier: ISC */
/* A message's body and what goes in front of it. */
#include "config.h"

#include "mta/smtpd/message.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/spool.h"

struct message *
message_new(void)
{
	struct message *m = mem_new(struct message);

	ident_make(&m->ident);
	return m;
}

void
message_free(struct message **message)
{
	struct message *m = *message;

	if (m == NULL)
		return;
	recipients_clear(&m->recipients);
	spool_free(&m->body);
	mem_free(m);
	*message = NULL;
}

void
message_open_body(struct message *m, const char *dir, size_t in_memory)
{
	spool_free(&m->body);
	m->body = spool_new(dir, in_memory);
	m->starts_folded = false;
	header_scan_init(&m->scan);
}

int
message_write(struct message *m, struct str bytes, struct fault *f)
{
	if (bytes.len > 0 && spool_size(m->body) == 0)
		m->starts_folded = bytes.at[0] == ' ' || bytes.at[0] == '\t';
	if (!m->scan.done)
		header_scan_feed(&m->scan, bytes);
	return spool_put(m->body, bytes, f);
}

struct id_search {
	char *text;
	bool found;
};

/* The first piece has the header section of any but odd messages. */
static int
find_id(void *ctx, struct str bytes, struct fault *f)
{
	struct id_search *search = ctx;
	struct header_field field;
	struct str id = {0};

	(void)f;
	if (header_find(bytes, "Message-ID", &field))
		id = header_message_id(field.value);
	search->found =
	    id.len > 0 && str_copy(str_head(id, MESSAGE_ID_SIZE - 1),
			      search->text, MESSAGE_ID_SIZE);
	return -1; /* no further piece */
}

bool
message_get_id(const struct message *m, char text[MESSAGE_ID_SIZE])
{
	struct id_search search = {.text = text};
	struct fault f;

	if (m->body == NULL || !m->scan.has_message_id)
		return false;
	(void)!spool_each(m->body, find_id, &search, &f);
	return search.found;
}

struct header_copy {
	uint64_t left; /* to be copied */
	struct buf *header;
};

static int
copy_header(void *ctx, struct str bytes, struct fault *f)
{
	struct header_copy *copy = ctx;

	(void)f;
	if (bytes.len >= copy->left)
		bytes = str_head(bytes, (size_t)copy->left);
	copy->left -= bytes.len;
	buf_put_str(copy->header, bytes);
	return copy->left == 0 ? -1 : 0;
}

bool
message_read_header(const struct message *m, struct buf *header)
{
	struct header_copy copy = {m->scan.size, header};
	struct fault stopped;

	buf_reset(header);
	if (copy.left > header->max)
		return false;
	if (copy.left > 0)
		(void)!spool_each(m->body, copy_header, &copy, &stopped);
	return copy.left == 0;
}

void
message_put_head(const struct message *m, const struct trace_facts *trace,
    bool complete, struct buf *head)
{
	trace_put_received(head, trace);
	if (complete && !m->scan.has_date) {
		char date[CLOCK_DATE_SIZE];

		clock_format_date(trace->when, date);
		buf_putf(head, "Date: %s\r\n", date);
	}
	if (complete && !m->scan.has_message_id)
		buf_putf(head, "Message-ID: <%s@%s>\r\n", m->ident.text,
		    trace->hostname);
	/* A message that begins with a blank has no header section. Without
	 * an empty line its first line would be taken for a part of ours. */
	if (m->starts_folded)
		buf_puts(head, "\r\n");
}
