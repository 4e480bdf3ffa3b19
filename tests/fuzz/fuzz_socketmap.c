/* SPDX-License-Identifier: ISC */
/*
 * proto/socketmap.h: the codec, and the client against a server that answers
 * each query with the input and hangs up. The server is a thread, behind a
 * socket in a directory of our own.
 */
#include "config.h"

#include "proto/socketmap.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/netstring.h"
#include "tests/fuzz/fuzz.h"

static char dir[] = "/tmp/fuzz_socketmap.XXXXXX";
static char path[60];
static int listener = -1;
static struct socketmap_client *client;

/* Written by the fuzzer, read by the server between a query and its answer. */
static struct str answer;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void
serve_one(int fd)
{
	char query[256];
	size_t sent = 0;

	if (recv(fd, query, sizeof query, 0) <= 0)
		return;
	pthread_mutex_lock(&mutex);
	while (sent < answer.len) {
		ssize_t n =
		    send(fd, answer.at + sent, answer.len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	pthread_mutex_unlock(&mutex);
}

static void *
serve(void *unused)
{
	struct pollfd wait = {.fd = listener, .events = POLLIN};
	int fd;

	while (poll(&wait, 1, -1) > 0) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		serve_one(fd);
		close(fd);
	}
	return unused;
}

static void
leave(void)
{
	unlink(path);
	rmdir(dir);
}

static void
start(void)
{
	struct socketmap_client_conf conf = {.timeout_ms = 5000};
	pthread_t thread;
	struct fault f;
	char text[80];

	if (mkdtemp(dir) == NULL)
		die(EX_CANTCREAT, "%s: %s", dir, strerror(errno));
	atexit(leave);
	snprintf(path, sizeof path, "%s/s", dir);
	snprintf(text, sizeof text, "unix:%s", path);
	if (net_parse(str(text), &conf.address, &f) < 0 ||
	    (listener = net_listen(&conf.address, 0600, &f)) < 0)
		die(EX_OSERR, "%s", f.text);
	if (pthread_create(&thread, NULL, serve, NULL) != 0)
		die(EX_OSERR, "no thread");
	client = socketmap_client_new(&conf);
}

static void
check_query(struct str payload)
{
	struct str map, key;

	if (!socketmap_parse_query(payload, &map, &key)) {
		FUZZ_CHECK(!str_has(payload, ' ') || payload.at[0] == ' ');
		return;
	}
	FUZZ_CHECK(map.len > 0 && !str_has(map, ' '));
	FUZZ_CHECK(map.len + 1 + key.len == payload.len);
	FUZZ_CHECK(str_starts(payload, map) && str_ends(payload, key));
}

static void
check_put(struct str text)
{
	struct str payload;
	struct buf b;
	size_t used;

	buf_init(&b, SOCKETMAP_REPLY_MAX + 20);
	for (int status = SOCKETMAP_OK; status <= SOCKETMAP_PERM; status++) {
		buf_reset(&b);
		socketmap_put_reply(&b, (enum socketmap_status)status, text);
		FUZZ_CHECK(!buf_is_full(&b));
		FUZZ_CHECK(netstring_take(buf_str(&b), SOCKETMAP_REPLY_MAX,
			       &payload, &used) == NETSTRING_OK);
		FUZZ_CHECK(used == buf_len(&b));
		str_cut(&payload, ' ');
		FUZZ_CHECK(str_is(payload, text) ||
			   text.len > SOCKETMAP_REPLY_MAX - 10);
	}
	buf_clear(&b);
}

/* 1, 0 or -1 and the kind of fault, by the letter of the protocol. */
static int
expect(struct str in, struct str *text, enum fault_kind *kind, bool *exact)
{
	struct str word;
	size_t used;

	*kind = FAULT_TEMP;
	*exact = true;
	if (netstring_take(in, SOCKETMAP_REPLY_MAX, text, &used) !=
	    NETSTRING_OK)
		return -1;
	/* More than one answer is nonsense, unless it came too late. */
	*exact = used == in.len;
	word = str_cut(text, ' ');
	if (str_is(word, STR_LIT("OK")))
		return 1;
	if (str_is(word, STR_LIT("NOTFOUND")))
		return 0;
	if (str_is(word, STR_LIT("PERM")))
		*kind = FAULT_PERM;
	return -1;
}

static void
check_client(struct str in)
{
	enum fault_kind kind;
	struct fault f = {0};
	struct buf value;
	struct str text;
	bool exact;
	int want = expect(in, &text, &kind, &exact), got;

	pthread_mutex_lock(&mutex);
	answer = in;
	pthread_mutex_unlock(&mutex);
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	got =
	    socketmap_look_up(client, "mailbox", STR_LIT("ann@b"), &value, &f);
	FUZZ_CHECK(got == want || (!exact && got == -1));
	if (got == 1)
		FUZZ_CHECK(str_is(buf_str(&value), text));
	if (got == -1 && exact)
		FUZZ_CHECK(f.kind == kind);
	if (got == -1)
		FUZZ_CHECK(f.text[0] != '\0' && f.dsn[0] == '0' + (char)f.kind);
	pthread_mutex_lock(&mutex);
	answer = (struct str){0};
	pthread_mutex_unlock(&mutex);
	buf_clear(&value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);

	if (client == NULL)
		start();
	check_query(in);
	check_put(in);
	check_client(in);
	return 0;
}
