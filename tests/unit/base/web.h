/* SPDX-License-Identifier: ISC */
/* A web server for HTTPS, as a.example at a free port of 127.0.0.1. */
#ifndef TESTS_UNIT_BASE_WEB_H
#define TESTS_UNIT_BASE_WEB_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "tests/unit/base/certificate.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

enum { WEB_DAY = 86400 };

/* The server of the tests: says one thing to whoever asks. */
static struct {
	char dir[40];
	struct certificate mine, theirs;
	struct tls_server *tls;
	struct peer peer;
	struct net_address at;
	const char *says; /* NULL: nothing, ever */
	const char *last; /* what ends a POST; NULL: "bye" */
	char asked[4096];
} web;

static inline bool
web_has_all(const struct buf *b)
{
	return str_ends(buf_str(b), str(web.last != NULL ? web.last : "bye"));
}

static inline void
web_serve(struct peer *peer, FILE *in, FILE *out)
{
	int fd = dup(fileno(in));
	struct io *io = io_new(fd);
	const char *end;
	struct fault f;
	struct buf b;

	(void)peer;
	(void)out;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	buf_init(&b, sizeof web.asked);
	if (io_start_tls_server(io, web.tls, &f) < 0)
		goto out;
	do {
		if (io_read(io, &b, 1024, &f) <= 0)
			goto out;
		end = strstr(buf_text(&b), "\r\n\r\n");
	} while (end == NULL ||
		 (strncmp(buf_text(&b), "POST", 4) == 0 && !web_has_all(&b)));
	memcpy(web.asked, buf_text(&b), buf_len(&b) + 1);
	if (web.says != NULL)
		(void)!io_write(io, str(web.says), &f);
	else
		(void)!io_read(io, &b, 1024, &f);
out:
	io_free(&io);
	buf_clear(&b);
}

static inline void
web_start(const char *says)
{
	struct tls_certificate files;
	struct fault f;

	signal(SIGPIPE, SIG_IGN);
	memset(&web, 0, sizeof web);
	web.says = says;
	snprintf(web.dir, sizeof web.dir, "/tmp/check_https.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(web.dir));
	certificate_make(&web.mine, web.dir, "a", "DNS:a.example,IP:127.0.0.1",
	    NULL, WEB_DAY);
	certificate_make(
	    &web.theirs, web.dir, "b", "DNS:b.example", NULL, WEB_DAY);
	files = (struct tls_certificate){web.mine.chain, web.mine.key};
	web.tls = tls_server_new(&files, 1, &f);
	ck_assert_ptr_nonnull(web.tls);
	peer_start_tcp(&web.peer, web_serve, NULL);
	ck_assert_int_eq(net_parse(str(web.peer.address), &web.at, &f), 0);
}

static inline void
web_stop(void)
{
	peer_clear(&web.peer);
	tls_server_free(&web.tls);
	certificate_remove(&web.mine);
	certificate_remove(&web.theirs);
	ck_assert_int_eq(rmdir(web.dir), 0);
}

#endif
