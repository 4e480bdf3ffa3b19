/* SPDX-License-Identifier: ISC */
/*
 * The server engine between a session's socket and a policy, for clients that
 * are few and busy, as those of LMTP are: their buffers are kept while they
 * wait. (posthouse-smtpd, whose clients are many and idle, has its own way.)
 *
 * The user's struct session_ops calls these; what is said about the end of a
 * call there holds here. All may block for as long as a client takes to read
 * what it is answered, but 30 s at most.
 */
#ifndef PROTO_SMTP_STREAM_H
#define PROTO_SMTP_STREAM_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/server.h"
#include "proto/smtp_server.h"

struct log_ctx;

/* Embedded in the user's session. */
struct smtp_stream {
	struct session *session;
	struct smtp_server *engine;
	const struct log_ctx *log;
	/* How long (ms) the client may take for its next command, and for the
	 * next piece of a message. */
	int64_t command_ms, data_ms;

	/* Private. */
	struct buf in, out;
};

/* Takes the engine, borrows the rest; greets, or says the refusal and has the
 * session end. */
void smtp_stream_open(struct smtp_stream *s, const struct fault *refusal);
void smtp_stream_close(struct smtp_stream *s);

/* There is input. */
enum session_next smtp_stream_input(struct smtp_stream *s) MUST_USE;
/* The outcomes that the engine waits for are filled. */
enum session_next smtp_stream_resume(struct smtp_stream *s) MUST_USE;
/* Says the engine's words for the occasion. */
void smtp_stream_timeout(struct smtp_stream *s);
void smtp_stream_shutdown(struct smtp_stream *s);

#endif
