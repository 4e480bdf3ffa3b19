/* SPDX-License-Identifier: ISC */
/*
 * An SMTP server that does at each stage what a script says: its words, or one
 * of the misdeeds below.
 */
#ifndef TESTS_UNIT_MTA_SINK_H
#define TESTS_UNIT_MTA_SINK_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "tests/unit/peer.h"

#define SINK_DROP "drop"
#define SINK_STALL "stall"
#define SINK_ENDLESS "endless"

enum sink_stage {
	SINK_GREETING,
	SINK_EHLO,
	SINK_STARTTLS,
	SINK_AUTH,
	SINK_MAIL,
	SINK_RCPT,
	SINK_DATA,
	SINK_DOT,
	SINK_STAGES,
};

static const char *const sink_verbs[SINK_STAGES] = {
    NULL, "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", NULL};
static const char *const sink_words[SINK_STAGES] = {"220 sink.example",
    "250 sink.example", "220 go", "235 2.7.0 welcome", "250 2.1.0 ok",
    "250 2.1.5 ok", "354 go on", "250 2.0.0 taken"};

struct sink {
	const char *says[SINK_STAGES]; /* NULL: all is well */
	bool once; /* only the first connection follows the script */
	struct tls_server *tls; /* NULL: STARTTLS leads to no handshake */
	const char *refuse;     /* a recipient that gets 550 */
	const char *early;  /* said to the first line of a body, and the end */
	unsigned max_rcpts; /* then 452 4.5.3; 0: any number */
	bool hang_up_after; /* closes after each message */
	unsigned messages;  /* taken whole */
	unsigned seen[SINK_STAGES]; /* commands */
	char mail[600];             /* the last one */
	char body[8192];            /* as it came, without the final dot */
};

/* False where the connection is to end. */
static inline bool
sink_say(
    struct sink *s, enum sink_stage stage, bool scripted, FILE *in, FILE *out)
{
	const char *words = scripted && s->says[stage] != NULL
				? s->says[stage]
				: sink_words[stage];

	s->seen[stage]++;
	if (strcmp(words, SINK_DROP) == 0)
		return false;
	if (strcmp(words, SINK_STALL) == 0) {
		fflush(out);
		while (getc(in) != EOF)
			continue;
		return false;
	}
	if (strcmp(words, SINK_ENDLESS) == 0) {
		while (fputs("250-and so on\r\n", out) >= 0 && fflush(out) == 0)
			continue;
		return false;
	}
	fprintf(out, "%s\r\n", words);
	fflush(out);
	return strncmp(words, "421", 3) != 0;
}

static inline bool
sink_take_body(struct sink *s, FILE *in)
{
	char line[2000];

	s->body[0] = '\0';
	while (fgets(line, sizeof line, in) != NULL) {
		if (strcmp(line, ".\r\n") == 0)
			return true;
		if (strlen(s->body) + strlen(line) < sizeof s->body)
			memcpy(
			    s->body + strlen(s->body), line, strlen(line) + 1);
	}
	return false;
}

static inline bool
sink_rcpt(struct sink *s, const char *line, unsigned *rcpts, bool scripted,
    FILE *in, FILE *out)
{
	if (s->refuse != NULL && strstr(line, s->refuse) != NULL)
		return fputs("550 5.1.1 nobody\r\n", out) >= 0;
	if (s->max_rcpts > 0 && *rcpts >= s->max_rcpts)
		return fputs("452 4.5.3 too many\r\n", out) >= 0;
	(*rcpts)++;
	return sink_say(s, SINK_RCPT, scripted, in, out);
}

static inline bool
sink_data(struct sink *s, bool scripted, unsigned *rcpts, FILE *in, FILE *out)
{
	bool go_on = sink_say(s, SINK_DATA, scripted, in, out);

	if (!go_on || (scripted && s->says[SINK_DATA] != NULL))
		return go_on;
	if (s->early != NULL) {
		char line[2000];

		if (fgets(line, sizeof line, in) != NULL)
			fprintf(out, "%s\r\n", s->early);
		return false;
	}
	if (!sink_take_body(s, in))
		return false;
	s->messages++;
	*rcpts = 0;
	return sink_say(s, SINK_DOT, scripted, in, out) && !s->hang_up_after;
}

static inline void sink_talk(
    struct sink *s, bool scripted, FILE *in, FILE *out);

static inline ssize_t
sink_tls_read(void *ctx, char *bytes, size_t size)
{
	struct fault f;
	struct buf b;
	ssize_t n = 0;

	buf_init(&b, size);
	if (io_read(ctx, &b, size, &f) == 1) {
		n = (ssize_t)buf_len(&b);
		memcpy(bytes, buf_str(&b).at, (size_t)n);
	}
	buf_clear(&b);
	return n;
}

static inline ssize_t
sink_tls_write(void *ctx, const char *bytes, size_t size)
{
	struct fault f;

	return io_write(ctx, str_n(bytes, size), &f) < 0 ? -1 : (ssize_t)size;
}

/* The session goes on under TLS. */
static inline void
sink_tls_talk(struct sink *s, bool scripted, FILE *in)
{
	const cookie_io_functions_t functions = {
	    .read = sink_tls_read, .write = sink_tls_write};
	int fd = dup(fileno(in));
	struct io *io = io_new(fd);
	struct fault f;
	FILE *tls_in, *tls_out;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (io_start_tls_server(io, s->tls, &f) == 0) {
		tls_in = fopencookie(io, "r", functions);
		tls_out = fopencookie(io, "w", functions);
		sink_talk(s, scripted, tls_in, tls_out);
		fclose(tls_out);
		fclose(tls_in);
	}
	io_free(&io);
}

static inline void
sink_talk(struct sink *s, bool scripted, FILE *in, FILE *out)
{
	unsigned rcpts = 0;
	bool go_on = true;
	char line[2000];

	while (
	    go_on && fflush(out) == 0 && fgets(line, sizeof line, in) != NULL) {
		enum sink_stage stage = SINK_STAGES;

		for (unsigned i = 0; i < SINK_STAGES; i++)
			if (sink_verbs[i] != NULL &&
			    strncmp(line, sink_verbs[i], 4) == 0)
				stage = (enum sink_stage)i;
		if (stage == SINK_MAIL)
			snprintf(s->mail, sizeof s->mail, "%.*s",
			    (int)strcspn(line, "\r\n"), line);
		if (strncmp(line, "QUIT", 4) == 0)
			return;
		if (stage == SINK_RCPT)
			go_on = sink_rcpt(s, line, &rcpts, scripted, in, out);
		else if (stage == SINK_DATA)
			go_on = sink_data(s, scripted, &rcpts, in, out);
		else if (stage < SINK_STAGES)
			go_on = sink_say(s, stage, scripted, in, out);
		else
			fputs(strncmp(line, "HELO", 4) == 0 ||
				      strncmp(line, "RSET", 4) == 0
				  ? "250 ok\r\n"
				  : "500 5.5.1 what\r\n",
			    out);
		if (go_on && stage == SINK_STARTTLS && s->tls != NULL) {
			sink_tls_talk(s, scripted, in);
			return;
		}
	}
}

static inline void
sink_serve(struct peer *peer, FILE *in, FILE *out)
{
	struct sink *s = peer->ctx;
	bool scripted = !s->once || peer_connections(peer) == 1;

	if (sink_say(s, SINK_GREETING, scripted, in, out))
		sink_talk(s, scripted, in, out);
}

#endif
