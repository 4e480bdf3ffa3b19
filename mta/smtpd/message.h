/* SPDX-License-Identifier: ISC */
/*
 * One message on its way through: its id, what its recipients have come to,
 * and its body, in memory up to 256 KiB and in an anonymous file beyond.
 */
#ifndef MTA_SMTPD_MESSAGE_H
#define MTA_SMTPD_MESSAGE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/smtpd/recipient.h"
#include "proto/header.h"
#include "proto/ident.h"
#include "proto/trace.h"

struct spool;

struct message {
	struct ident ident;
	struct recipients recipients;
	struct spool *body; /* NULL until message_open_body() */
	struct header_scan scan;
	bool starts_folded; /* the first byte is a blank */
	bool was_queued;    /* some of its recipients */
};

struct message *message_new(void) MUST_USE;
void message_free(struct message **message);

/* dir holds the file; in_memory is in bytes. */
void message_open_body(struct message *m, const char *dir, size_t in_memory);
int message_write(
    struct message *m, struct str bytes, struct fault *f) MUST_USE;

/* The Message-ID as it came, without brackets, as a C string for the log: the
 * beginning of one that is longer. False where there is none. */
enum { MESSAGE_ID_SIZE = 512 };
bool message_get_id(
    const struct message *m, char text[MESSAGE_ID_SIZE]) MUST_USE;

/* Replaces header by the message's own header section. False where it does not
 * fit. */
bool message_read_header(const struct message *m, struct buf *header) MUST_USE;

/*
 * What goes in front of the body: Received, and where `complete` (submission:
 * RFC 6409 8) the Date and Message-ID that are missing.
 */
void message_put_head(const struct message *m, const struct trace_facts *trace,
    bool complete, struct buf *head);

#endif
