/* SPDX-License-Identifier: ISC */
/*
 * One thread for all requests, which libcurl's "multi" interleaves. Where
 * somebody else resolves names, he does it before, on the thread that asks.
 */
#include "config.h"

#include "base/https.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/net.h"
#include "base/thread.h"

enum {
	LIMIT_MS = 60000,
	ANSWER_MAX = 64 << 10,
	AT_ONCE = 50,
	POLL_MS = 60000,
	PLACES_MAX = 2048, /* bytes of a list of addresses */
};

struct job {
	struct job *next, *prev;
	CURL *easy;
	struct curl_slist *places, *headers;
	struct buf body;
	char why[CURL_ERROR_SIZE];
	void (*done)(void *ctx, const struct https_answer *answer);
	void *ctx;
};

struct https {
	https_resolve_call *resolve;
	void *resolve_ctx;
	char *ca_file, *via;
	int64_t limit_ms;
	size_t answer_max;
	CURLM *multi;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex; /* guards what follows */
	struct job *waiting;   /* not yet libcurl's */
	size_t n;              /* all */
	bool stopping;
	/* The thread's own. */
	struct job *running;
};

static void
free_job(struct job **job)
{
	struct job *j = *job;

	if (j == NULL)
		return;
	curl_easy_cleanup(j->easy);
	curl_slist_free_all(j->places);
	curl_slist_free_all(j->headers);
	buf_clear(&j->body);
	mem_free(j);
	*job = NULL;
}

/* Answers. */

static enum https_result
result_of(const struct job *j, CURLcode code, struct fault *f)
{
	const char *why = j->why[0] != '\0' ? j->why : curl_easy_strerror(code);
	long status = 0;

	switch (code) {
	case CURLE_OK:
		curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status);
		if (status >= 200 && status < 300)
			return HTTPS_OK;
		fault_temp(f, "4.4.0", "HTTP status %ld", status);
		return HTTPS_FAILED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		fault_temp(f, "4.7.5", "%s", why);
		return HTTPS_UNTRUSTED;
	case CURLE_WRITE_ERROR:
		fault_temp(f, "4.4.0", "the answer is too long");
		return HTTPS_FAILED;
	default:
		fault_temp(f, "4.4.1", "%s", why);
		return HTTPS_FAILED;
	}
}

/* Takes the job. */
static void
finish(struct https *h, struct job *j, CURLcode code)
{
	struct fault f = {.kind = FAULT_TEMP};
	struct https_answer a = {.fault = &f};
	char *type = NULL;

	a.result = result_of(j, code, &f);
	curl_easy_getinfo(j->easy, CURLINFO_CONTENT_TYPE, &type);
	a.type = str(type);
	a.body = buf_str(&j->body);
	j->done(j->ctx, &a);
	free_job(&j);
	pthread_mutex_lock(&h->mutex);
	h->n--;
	pthread_mutex_unlock(&h->mutex);
}

static void
take_out(struct https *h, struct job *j)
{
	curl_multi_remove_handle(h->multi, j->easy);
	if (j->prev != NULL)
		j->prev->next = j->next;
	else
		h->running = j->next;
	if (j->next != NULL)
		j->next->prev = j->prev;
}

static void
finish_those_done(struct https *h)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		char *at = NULL;
		struct job *j;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &at);
		j = (struct job *)(void *)at;
		take_out(h, j);
		finish(h, j, code);
	}
}

/* The thread. */

static void
run_job(struct https *h, struct job *j)
{
	j->prev = NULL;
	j->next = h->running;
	if (j->next != NULL)
		j->next->prev = j;
	h->running = j;
	if (curl_multi_add_handle(h->multi, j->easy) == CURLM_OK)
		return;
	take_out(h, j);
	finish(h, j, CURLE_OUT_OF_MEMORY);
}

/* False where it is to end. */
static bool
take_waiting(struct https *h)
{
	struct job *first, *next;
	bool stopping;

	pthread_mutex_lock(&h->mutex);
	first = h->waiting;
	h->waiting = NULL;
	stopping = h->stopping;
	pthread_mutex_unlock(&h->mutex);
	for (; first != NULL; first = next) {
		next = first->next;
		run_job(h, first);
	}
	return !stopping;
}

static void *
run(void *ctx)
{
	struct https *h = ctx;
	int active;

	while (take_waiting(h)) {
		curl_multi_perform(h->multi, &active);
		finish_those_done(h);
		curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL);
	}
	while (h->running != NULL) {
		struct job *j = h->running;

		take_out(h, j);
		finish(h, j, CURLE_ABORTED_BY_CALLBACK);
	}
	return NULL;
}

struct https *
https_new(const struct https_conf *conf, struct fault *f)
{
	struct https *h = mem_new(struct https);

	pthread_mutex_init(&h->mutex, NULL);
	h->resolve = conf->resolve;
	h->resolve_ctx = conf->resolve_ctx;
	if (conf->ca_file != NULL)
		h->ca_file = mem_dup(conf->ca_file);
	if (conf->via != NULL)
		h->via = mem_dup(conf->via);
	h->limit_ms = conf->limit_ms > 0 ? conf->limit_ms : LIMIT_MS;
	h->answer_max = conf->answer_max > 0 ? conf->answer_max : ANSWER_MAX;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		h->multi = curl_multi_init();
	if (h->multi == NULL) {
		fault_perm(f, "5.3.5", "libcurl does not start");
		https_free(&h);
		return NULL;
	}
	curl_multi_setopt(
	    h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)AT_ONCE);
	h->has_thread = thread_start(&h->thread, run, h, f) == 0;
	if (!h->has_thread)
		https_free(&h);
	return h;
}

void
https_stop(struct https *h)
{
	if (!h->has_thread)
		return;
	pthread_mutex_lock(&h->mutex);
	h->stopping = true;
	pthread_mutex_unlock(&h->mutex);
	curl_multi_wakeup(h->multi);
	pthread_join(h->thread, NULL);
	h->has_thread = false;
}

void
https_free(struct https **https)
{
	struct https *h = *https;

	if (h == NULL)
		return;
	https_stop(h);
	if (h->multi != NULL)
		curl_multi_cleanup(h->multi);
	pthread_mutex_destroy(&h->mutex);
	mem_free(h->ca_file);
	mem_free(h->via);
	mem_free(h);
	*https = NULL;
}

/* Requests. */

static bool
read_url(CURLU *u, const char *url, char *host, uint16_t *port)
{
	char *scheme = NULL, *name = NULL, *number = NULL, *user = NULL;
	uint64_t n;
	bool ok;

	ok = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_HOST, &name, 0) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_PORT, &number, CURLU_DEFAULT_PORT) ==
		 CURLUE_OK &&
	     curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
	     str_is(str(scheme), str("https")) &&
	     str_copy(str(name), host, HTTPS_HOST_SIZE) &&
	     str_to_u64(str(number), 1, UINT16_MAX, &n);
	if (ok)
		*port = (uint16_t)n;
	curl_free(scheme);
	curl_free(name);
	curl_free(number);
	curl_free(user);
	return ok;
}

bool
https_take_host(const char *url, char host[HTTPS_HOST_SIZE], uint16_t *port)
{
	CURLU *u = curl_url();
	bool ok = u != NULL && read_url(u, url, host, port);

	curl_url_cleanup(u);
	return ok;
}

static size_t
take_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct job *j = ctx;

	buf_put(&j->body, bytes, size * n);
	return buf_is_full(&j->body) ? 0 : size * n;
}

/* "192.0.2.1" or "[2001:db8::1]". */
static struct str
host_of(const struct net_address *address, char text[140])
{
	net_format(address, text, 140);
	return str_head(str(text), str_find_last(str(text), ':'));
}

/* What stands behind "host:443:": "192.0.2.1,[2001:db8::1]". A host that is an
 * address needs nothing. */
static int
put_addresses(struct https *h, const char *host, int64_t deadline,
    struct buf *b, struct fault *f)
{
	struct net_address addresses[HTTPS_ADDRESSES_MAX];
	char text[140];
	int n;

	if (host[0] == '[')
		return 0;
	n = h->resolve(h->resolve_ctx, host, deadline, addresses, f);
	if (n < 0)
		return -1;
	if (n == 0)
		return fault_temp(f, "4.4.4", "%.150s has no address", host);
	for (int i = 0; i < n; i++)
		buf_putf(b, "%s%.*s", i > 0 ? "," : "",
		    STR_ARG(host_of(&addresses[i], text)));
	return 0;
}

static int
set_places(struct https *h, struct job *j, const struct https_request *r,
    struct fault *f)
{
	char host[HTTPS_HOST_SIZE];
	uint16_t port;
	struct buf b;
	int rc = 0;

	if (!https_take_host(r->url, host, &port))
		return fault_perm(
		    f, "5.5.4", "\"%.150s\" is no https:// URL", r->url);
	if (h->via == NULL && h->resolve == NULL)
		return 0;
	buf_init(&b, PLACES_MAX);
	if (h->via != NULL) {
		buf_putf(&b, "::%s", h->via);
	} else {
		buf_putf(&b, "%s:%u:", host, port);
		rc = put_addresses(h, host, r->deadline, &b, f);
	}
	if (rc == 0)
		j->places = curl_slist_append(NULL, buf_text(&b));
	buf_clear(&b);
	curl_easy_setopt(j->easy,
	    h->via != NULL ? CURLOPT_CONNECT_TO : CURLOPT_RESOLVE, j->places);
	return rc;
}

static void
set_post(struct job *j, const struct https_request *r)
{
	char header[160];

	if (r->post.at == NULL)
		return;
	snprintf(header, sizeof header, "Content-Type: %s", r->type);
	j->headers = curl_slist_append(NULL, header);
	/* Nobody is asked first whether he would take it. */
	j->headers = curl_slist_append(j->headers, "Expect:");
	curl_easy_setopt(j->easy, CURLOPT_HTTPHEADER, j->headers);
	curl_easy_setopt(
	    j->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->post.len);
	curl_easy_setopt(j->easy, CURLOPT_COPYPOSTFIELDS, r->post.at);
}

static void
set_up(struct https *h, struct job *j, const char *url)
{
	CURL *c = j->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, j);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, j->why);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->limit_ms);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "posthouse/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, j);
	if (h->ca_file == NULL)
		return;
	curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
}

static void
set_user(struct job *j, const struct https_request *r)
{
	if (r->user == NULL)
		return;
	curl_easy_setopt(j->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(j->easy, CURLOPT_USERNAME, r->user);
	curl_easy_setopt(j->easy, CURLOPT_PASSWORD, r->password);
}

static int
push(struct https *h, struct job *j, struct fault *f)
{
	bool room;

	pthread_mutex_lock(&h->mutex);
	room = h->n < HTTPS_WAITING_MAX && !h->stopping;
	if (room) {
		j->next = h->waiting;
		h->waiting = j;
		h->n++;
	}
	pthread_mutex_unlock(&h->mutex);
	if (!room)
		return fault_temp(f, "4.3.2", "too many requests wait");
	curl_multi_wakeup(h->multi);
	return 0;
}

int
https_begin(struct https *h, const struct https_request *r, struct fault *f)
{
	struct job *j = mem_new(struct job);

	buf_init(&j->body, h->answer_max);
	j->done = r->done;
	j->ctx = r->ctx;
	j->easy = curl_easy_init();
	if (j->easy == NULL)
		die(EX_OSERR, "posthouse: libcurl: no memory");
	set_up(h, j, r->url);
	set_post(j, r);
	set_user(j, r);
	if (set_places(h, j, r, f) == 0 && push(h, j, f) == 0)
		return 0;
	free_job(&j);
	return -1;
}
