/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/https.h"

#include <string.h>
#include <unistd.h>

#include "tests/unit/base/web.h"

static int
resolve(void *ctx, const char *host, int64_t deadline,
    struct net_address *addresses, struct fault *f)
{
	(void)ctx;
	(void)deadline;
	if (strcmp(host, "ill.example") == 0)
		return fault_temp(f, "4.4.3", "no answer");
	if (strcmp(host, "a.example") != 0)
		return 0;
	return net_parse(str("127.0.0.1:0"), &addresses[0], f) == 0 ? 1 : -1;
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
		conf->ca_file = web.mine.chain;
	h = https_new(conf, &f);
	ck_assert_ptr_nonnull(h);
	r->done = on_done;
	r->ctx = &g;
	ck_assert_msg(https_begin(h, r, &f) == 0, "%s", f.text);
	wait_for(&g);
	https_free(&h);
	return g;
}

START_TEST(https_gets_a_document_from_the_address_that_the_host_has)
{
	struct https_request r = {.url = NULL};
	struct https_conf conf = {.resolve = resolve};
	char url[80];
	struct got g;

	web_start("HTTP/1.1 200 OK\r\nContent-Type: text/plain; x=y\r\n"
		  "Content-Length: 5\r\n\r\nhello");
	snprintf(
	    url, sizeof url, "https://a.example:%u/b?c", net_port(&web.at));
	r.url = url;
	g = ask(&conf, &r);
	ck_assert_msg(g.result == HTTPS_OK, "%s", g.why);
	ck_assert_str_eq(g.body, "hello");
	ck_assert_str_eq(g.type, "text/plain; x=y");
	ck_assert_ptr_nonnull(strstr(web.asked, "GET /b?c HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(web.asked, "Host: a.example:"));
	web_stop();
}
END_TEST

START_TEST(https_posts_bytes)
{
	struct https_conf conf = {.via = web.peer.address};
	struct https_request r = {
	    .url = "https://a.example/in",
	    .post = str_n("\0\xff"
			  "bye",
		5),
	    .type = "application/tlsrpt+gzip",
	};
	struct got g;

	web_start("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	g = ask(&conf, &r);
	ck_assert_msg(g.result == HTTPS_OK, "%s", g.why);
	ck_assert_ptr_nonnull(strstr(web.asked, "POST /in HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(
	    strstr(web.asked, "Content-Type: application/tlsrpt+gzip\r\n"));
	ck_assert_ptr_nonnull(strstr(web.asked, "Content-Length: 5\r\n"));
	ck_assert_ptr_null(strstr(web.asked, "Expect:"));
	web_stop();
}
END_TEST

START_TEST(https_says_who_asks)
{
	struct https_conf conf = {.via = web.peer.address};
	struct https_request r = {
	    .url = "https://a.example/in",
	    .user = "us",
	    .password = "p:s",
	};
	struct got g;

	web_start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	g = ask(&conf, &r);
	ck_assert_msg(g.result == HTTPS_OK, "%s", g.why);
	ck_assert_ptr_nonnull(
	    strstr(web.asked, "Authorization: Basic dXM6cDpz\r\n"));
	web_stop();
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
		    .via = web.peer.address, .answer_max = 10};
		struct https_request r = {.url = failures[i].url};
		struct got g;

		web_start(failures[i].says);
		/* Only the one that never answers is not answered in time. */
		if (failures[i].says == NULL)
			conf.limit_ms = 200;
		if (failures[i].theirs)
			conf.ca_file = web.theirs.chain;
		g = ask(&conf, &r);
		ck_assert_msg(g.result == failures[i].result, "%zu: %d %s", i,
		    g.result, g.why);
		ck_assert(g.why[0] != '\0');
		/* A redirect is not followed. */
		ck_assert_uint_le(peer_connections(&web.peer), 1);
		web_stop();
	}
}
END_TEST

START_TEST(https_ends_what_is_under_way_when_it_ends)
{
	struct got g = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER,
	    .come = PTHREAD_COND_INITIALIZER,
	};
	struct https_conf conf = {.via = web.peer.address};
	struct https_request r = {
	    .url = "https://a.example/", .done = on_done, .ctx = &g};
	struct https *h;
	struct fault f;

	web_start(NULL);
	h = https_new(&conf, &f);
	ck_assert_ptr_nonnull(h);
	ck_assert_int_eq(https_begin(h, &r, &f), 0);
	https_free(&h);
	ck_assert(g.done);
	ck_assert_int_eq(g.result, HTTPS_FAILED);
	web_stop();
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
	const struct https_conf conf = {.resolve = resolve};
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

UNIT_MAIN("https", https_gets_a_document_from_the_address_that_the_host_has,
    https_posts_bytes, https_says_who_asks, https_says_what_went_wrong,
    https_ends_what_is_under_way_when_it_ends, https_takes_the_host_of_a_url,
    https_begins_nothing_without_a_url_and_an_address)
