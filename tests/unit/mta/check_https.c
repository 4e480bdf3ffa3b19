/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/https.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "mta/send/dns.h"
#include "tests/unit/base/certificate.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

enum { DAY = 86400 };

/* The server of the tests: says one thing to whoever asks. */
static struct {
	char dir[40];
	struct certificate mine, theirs;
	struct tls_server *tls;
	struct peer peer;
	struct net_address at;
	const char *says; /* NULL: nothing, ever */
	char asked[4096];
} server;

int
dns_addresses(struct dns *dns, const char *host, int64_t deadline,
    struct dns_answer *a, struct net_address *addresses, char *canonical,
    struct fault *f)
{
	(void)dns;
	(void)deadline;
	(void)canonical;
	*a = (struct dns_answer){.exists = true};
	if (strcmp(host, "ill.example") == 0)
		return fault_temp(f, "4.4.3", "no answer");
	if (strcmp(host, "a.example") != 0)
		return 0;
	a->n = 1;
	return net_parse(str("127.0.0.1:0"), &addresses[0], f);
}

static void
serve(struct peer *peer, FILE *in, FILE *out)
{
	int fd = dup(fileno(in));
	struct io *io = io_new(fd);
	const char *end;
	struct fault f;
	struct buf b;

	(void)peer;
	(void)out;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	buf_init(&b, sizeof server.asked);
	if (io_start_tls_server(io, server.tls, &f) < 0)
		goto out;
	do {
		if (io_read(io, &b, 1024, &f) <= 0)
			goto out;
		end = strstr(buf_text(&b), "\r\n\r\n");
	} while (end == NULL || (strncmp(buf_text(&b), "POST", 4) == 0 &&
				    !str_ends(buf_str(&b), str("bye"))));
	memcpy(server.asked, buf_text(&b), buf_len(&b) + 1);
	if (server.says != NULL)
		(void)!io_write(io, str(server.says), &f);
	else
		(void)!io_read(io, &b, 1024, &f);
out:
	io_free(&io);
	buf_clear(&b);
}

static void
set_up(const char *says)
{
	struct tls_certificate files;
	struct fault f;

	signal(SIGPIPE, SIG_IGN);
	memset(&server, 0, sizeof server);
	server.says = says;
	snprintf(server.dir, sizeof server.dir, "/tmp/check_https.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(server.dir));
	certificate_make(
	    &server.mine, server.dir, "a", "DNS:a.example", NULL, DAY);
	certificate_make(
	    &server.theirs, server.dir, "b", "DNS:b.example", NULL, DAY);
	files = (struct tls_certificate){server.mine.chain, server.mine.key};
	server.tls = tls_server_new(&files, 1, &f);
	ck_assert_ptr_nonnull(server.tls);
	peer_start_tcp(&server.peer, serve, NULL);
	ck_assert_int_eq(
	    net_parse(str(server.peer.address), &server.at, &f), 0);
}

static void
tear_down(void)
{
	peer_clear(&server.peer);
	tls_server_free(&server.tls);
	certificate_remove(&server.mine);
	certificate_remove(&server.theirs);
	ck_assert_int_eq(rmdir(server.dir), 0);
}

/* What came of a request. */
struct got {
	pthread_mutex_t mutex;
	pthread_cond_t come;
	bool done;
	enum https_result result;
	char type[80], body[4096], why[240];
};

static void
on_done(void *ctx, const struct https_answer *a)
{
	struct got *g = ctx;

	pthread_mutex_lock(&g->mutex);
	ck_assert(!g->done);
	g->done = true;
	g->result = a->result;
	ck_assert(str_copy(a->type, g->type, sizeof g->type));
	ck_assert(str_copy(a->body, g->body, sizeof g->body));
	if (a->result != HTTPS_OK)
		snprintf(g->why, sizeof g->why, "%s", a->fault->text);
	pthread_cond_signal(&g->come);
	pthread_mutex_unlock(&g->mutex);
}

static void
wait_for(struct got *g)
{
	pthread_mutex_lock(&g->mutex);
	while (!g->done)
		pthread_cond_wait(&g->come, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
}

static struct got
ask(struct https_conf *conf, struct https_request *r)
{
	struct got g = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER,
	    .come = PTHREAD_COND_INITIALIZER,
	};
	struct https *h;
	struct fault f;

	if (conf->ca_file == NULL)
		conf->ca_file = server.mine.chain;
	h = https_new(conf, &f);
	ck_assert_ptr_nonnull(h);
	r->done = on_done;
	r->ctx = &g;
	ck_assert_msg(https_begin(h, r, &f) == 0, "%s", f.text);
	wait_for(&g);
	https_free(&h);
	return g;
}

START_TEST(https_gets_a_document_from_the_address_that_dns_has)
{
	struct https_request r = {.url = NULL};
	struct https_conf conf = {.dns = NULL};
	char url[80];
	struct got g;

	set_up("HTTP/1.1 200 OK\r\nContent-Type: text/plain; x=y\r\n"
	       "Content-Length: 5\r\n\r\nhello");
	snprintf(
	    url, sizeof url, "https://a.example:%u/b?c", net_port(&server.at));
	r.url = url;
	g = ask(&conf, &r);
	ck_assert_msg(g.result == HTTPS_OK, "%s", g.why);
	ck_assert_str_eq(g.body, "hello");
	ck_assert_str_eq(g.type, "text/plain; x=y");
	ck_assert_ptr_nonnull(strstr(server.asked, "GET /b?c HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(server.asked, "Host: a.example:"));
	tear_down();
}
END_TEST

START_TEST(https_posts_bytes)
{
	struct https_conf conf = {.via = server.peer.address};
	struct https_request r = {
	    .url = "https://a.example/in",
	    .post = str_n("\0\xff"
			  "bye",
		5),
	    .type = "application/tlsrpt+gzip",
	};
	struct got g;

	set_up("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	g = ask(&conf, &r);
	ck_assert_msg(g.result == HTTPS_OK, "%s", g.why);
	ck_assert_ptr_nonnull(strstr(server.asked, "POST /in HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(
	    strstr(server.asked, "Content-Type: application/tlsrpt+gzip\r\n"));
	ck_assert_ptr_nonnull(strstr(server.asked, "Content-Length: 5\r\n"));
	ck_assert_ptr_null(strstr(server.asked, "Expect:"));
	tear_down();
}
END_TEST

/* What is no answer to build on. */
static const struct {
	const char *says, *url;
	bool theirs; /* who is trusted */
	enum https_result result;
} failures[] = {
    {"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", "https://a.example/",
	false, HTTPS_FAILED},
    {"HTTP/1.1 302 There\r\nLocation: https://a.example/x\r\n"
     "Content-Length: 0\r\n\r\n",
	"https://a.example/", false, HTTPS_FAILED},
    {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nlonger than",
	"https://a.example/", false, HTTPS_FAILED},
    {"HTTP/1.1 200 OK\r\n\r\nlonger than", "https://a.example/", false,
	HTTPS_FAILED},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", "https://a.example/",
	false, HTTPS_FAILED},
    {"nonsense", "https://a.example/", false, HTTPS_FAILED},
    {"", "https://a.example/", false, HTTPS_FAILED},
    {NULL, "https://a.example/", false, HTTPS_FAILED},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "https://b.example/",
	false, HTTPS_UNTRUSTED},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "https://a.example/", true,
	HTTPS_UNTRUSTED},
};

START_TEST(https_says_what_went_wrong)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		struct https_conf conf = {
		    .via = server.peer.address, .answer_max = 10};
		struct https_request r = {.url = failures[i].url};
		struct got g;

		set_up(failures[i].says);
		/* Only the one that never answers is not answered in time. */
		if (failures[i].says == NULL)
			conf.limit_ms = 200;
		if (failures[i].theirs)
			conf.ca_file = server.theirs.chain;
		g = ask(&conf, &r);
		ck_assert_msg(g.result == failures[i].result, "%zu: %d %s", i,
		    g.result, g.why);
		ck_assert(g.why[0] != '\0');
		/* A redirect is not followed. */
		ck_assert_uint_le(peer_connections(&server.peer), 1);
		tear_down();
	}
}
END_TEST

START_TEST(https_ends_what_is_under_way_when_it_ends)
{
	struct got g = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER,
	    .come = PTHREAD_COND_INITIALIZER,
	};
	struct https_conf conf = {.via = server.peer.address};
	struct https_request r = {
	    .url = "https://a.example/", .done = on_done, .ctx = &g};
	struct https *h;
	struct fault f;

	set_up(NULL);
	h = https_new(&conf, &f);
	ck_assert_ptr_nonnull(h);
	ck_assert_int_eq(https_begin(h, &r, &f), 0);
	https_free(&h);
	ck_assert(g.done);
	ck_assert_int_eq(g.result, HTTPS_FAILED);
	tear_down();
}
END_TEST

static const struct {
	const char *url, *host;
	uint16_t port;
} urls[] = {
    {"https://A.example/x", "A.example", 443},
    {"https://a.example:8443", "a.example", 8443},
    {"https://[2001:db8::1]/x", "[2001:db8::1]", 443},
    {"http://a.example/", NULL, 0},
    {"https://user@a.example/", NULL, 0},
    {"file:///etc/passwd", NULL, 0},
    {"a.example", NULL, 0},
    {"", NULL, 0},
};

START_TEST(https_takes_the_host_of_a_url)
{
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		char host[HTTPS_HOST_SIZE];
		uint16_t port;
		bool ok = https_take_host(urls[i].url, host, &port);

		ck_assert_msg(ok == (urls[i].host != NULL), "%s", urls[i].url);
		if (!ok)
			continue;
		ck_assert_str_eq(host, urls[i].host);
		ck_assert_uint_eq(port, urls[i].port);
	}
}
END_TEST

/* What cannot even be begun. */
static const struct {
	const char *url, *dsn;
} hopeless[] = {
    {"http://a.example/", "5.5.4"},
    {"https://ill.example/", "4.4.3"},
    {"https://none.example/", "4.4.4"},
};

START_TEST(https_begins_nothing_without_a_url_and_an_address)
{
	const struct https_conf conf = {.dns = NULL};
	struct https *h;
	struct fault f;

	h = https_new(&conf, &f);
	ck_assert_ptr_nonnull(h);
	for (size_t i = 0; i < ARRAY_LEN(hopeless); i++) {
		struct https_request r = {
		    .url = hopeless[i].url, .done = on_done};

		ck_assert_int_lt(https_begin(h, &r, &f), 0);
		ck_assert_str_eq(f.dsn, hopeless[i].dsn);
	}
	https_free(&h);
}
END_TEST

UNIT_MAIN("https", https_gets_a_document_from_the_address_that_dns_has,
    https_posts_bytes, https_says_what_went_wrong,
    https_ends_what_is_under_way_when_it_ends, https_takes_the_host_of_a_url,
    https_begins_nothing_without_a_url_and_an_address)
