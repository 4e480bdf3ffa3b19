/* SPDX-License-Identifier: ISC */
/* Certificates: which one a client gets, reading them again, and faults. */
#include "config.h"

#include "base/tls.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/log.h"
#include "tests/unit/base/certificate.h"

enum { DAY = 86400, STEPS = 1000 };

static char dir[64];

static void
make_dir(void)
{
	signal(SIGPIPE, SIG_IGN);
	snprintf(dir, sizeof dir, "/tmp/check_tls.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static struct tls_server *
serve(const struct certificate *c, size_t n)
{
	struct tls_certificate files[4];
	struct tls_server *server;
	struct fault f;

	for (size_t i = 0; i < n; i++)
		files[i] = (struct tls_certificate){c[i].chain, c[i].key};
	server = tls_server_new(files, n, &f);
	ck_assert_msg(server != NULL, "%s", f.text);
	return server;
}

/* Both ends of one connection, driven in turn. */
struct talk {
	struct tls *server, *client;
	int fds[2];
	struct fault f;
};

static void
talk_begin(struct talk *t, struct tls_server *server, struct tls_client *client,
    const struct tls_demand *demand)
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, t->fds), 0);
	t->server = tls_accept(server, t->fds[0]);
	t->client = tls_connect(client, t->fds[1], demand);
}

static const struct tls_demand *
by_name(const char *name)
{
	static struct tls_demand demand;

	demand = (struct tls_demand){.proof = TLS_PROOF_NAME, .name = name};
	return &demand;
}

static const struct tls_demand *
unproven(const char *name)
{
	static struct tls_demand demand;

	demand = (struct tls_demand){.name = name};
	return &demand;
}

/* What the client makes of it. */
static enum tls_result
talk_shake_hands(struct talk *t)
{
	enum tls_result theirs = TLS_WANT_READ, ours = TLS_WANT_READ;
	struct fault f;

	for (int i = 0;
	     i < STEPS && (theirs == TLS_WANT_READ || ours == TLS_WANT_READ);
	     i++) {
		if (theirs == TLS_WANT_READ)
			theirs = tls_handshake(t->client, &t->f);
		if (ours == TLS_WANT_READ)
			ours = tls_handshake(t->server, &f);
		if (theirs == TLS_FAILED)
			break;
	}
	return theirs;
}

static void
talk_end(struct talk *t)
{
	tls_free(&t->client);
	tls_free(&t->server);
	ck_assert_ptr_null(t->client);
	close(t->fds[0]);
	close(t->fds[1]);
}

static const char *const kinds[] = {
    "tls-exporter", "tls-server-end-point", "tls-unique", "tls-else"};

/* What both ends, which must agree, say of that kind; "": nothing. */
static void
get_binding(struct tls_server *server, struct tls_client *client, size_t kind,
    struct buf *data)
{
	struct talk t;
	struct buf theirs;
	bool known;

	buf_init(&theirs, TLS_BINDING_MAX);
	talk_begin(&t, server, client, unproven("a.example.org"));
	ck_assert(!tls_get_binding(t.server, kinds[kind], data));
	ck_assert_int_eq(talk_shake_hands(&t), TLS_OK);
	known = tls_get_binding(t.server, kinds[kind], data);
	ck_assert_int_eq(
	    tls_get_binding(t.client, kinds[kind], &theirs), known);
	ck_assert_uint_eq(buf_len(data), buf_len(&theirs));
	ck_assert_mem_eq(buf_text(data), buf_text(&theirs), buf_len(&theirs));
	talk_end(&t);
	buf_clear(&theirs);
}

START_TEST(both_ends_know_what_their_connection_is_bound_by)
{
	struct tls_client *client;
	struct tls_server *server;
	struct certificate c;
	struct fault f;

	make_dir();
	certificate_make(&c, dir, "a", "DNS:a.example.org", NULL, DAY);
	server = serve(&c, 1);
	client = tls_client_new(c.chain, &f);
	ck_assert_ptr_nonnull(client);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct buf a, b;

		buf_init(&a, TLS_BINDING_MAX);
		buf_init(&b, TLS_BINDING_MAX);
		get_binding(server, client, i, &a);
		get_binding(server, client, i, &b);
		/* The connection's own, its server's, or none at all: there is
		 * no tls-unique since TLS 1.3. */
		ck_assert_uint_eq(buf_len(&a), i < 2 ? 32 : 0);
		ck_assert_int_eq(str_is(buf_str(&a), buf_str(&b)), i != 0);
		buf_clear(&a);
		buf_clear(&b);
	}
	tls_client_free(&client);
	tls_server_free(&server);
	certificate_remove(&c);
	rmdir(dir);
}
END_TEST

/* Whether a client that trusts only this certificate, and asks for the name,
 * is content. */
static bool
accepts(struct tls_server *server, const struct certificate *trusted,
    const char *name)
{
	struct tls_client *client;
	struct talk t;
	bool ok;

	client = tls_client_new(trusted->chain, &t.f);
	ck_assert_msg(client != NULL, "%s", t.f.text);
	talk_begin(&t, server, client, by_name(name));
	ok = talk_shake_hands(&t) == TLS_OK;
	ck_assert(ok || strncmp(t.f.text, "TLS: handshake: ", 16) == 0);
	talk_end(&t);
	tls_client_free(&client);
	return ok;
}

START_TEST(a_client_gets_the_certificate_with_its_name)
{
	struct certificate c[3];
	struct tls_server *server;

	make_dir();
	certificate_make(&c[0], dir, "a", "DNS:a.example", NULL, DAY);
	certificate_make(
	    &c[1], dir, "b", "DNS:b.example,DNS:bb.example", NULL, DAY);
	certificate_make(&c[2], dir, "w", "DNS:*.w.example", NULL, DAY);
	server = serve(c, 3);
	ck_assert(accepts(server, &c[0], "a.example"));
	ck_assert(accepts(server, &c[1], "b.example"));
	ck_assert(accepts(server, &c[1], "BB.example"));
	ck_assert(accepts(server, &c[2], "x.w.example"));
	ck_assert(!accepts(server, &c[2], "x.y.w.example"));
	ck_assert(!accepts(server, &c[0], "b.example"));
	/* An unknown name gets the first, and refuses it. */
	ck_assert(!accepts(server, &c[0], "unknown.example"));
	tls_server_free(&server);
	ck_assert_ptr_null(server);
	for (int i = 0; i < 3; i++)
		certificate_remove(&c[i]);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(an_unknown_name_gets_the_first_certificate)
{
	struct certificate c;
	struct tls_server *server;
	struct tls_client *client;
	struct tls_info info;
	struct talk t;

	make_dir();
	certificate_make(&c, dir, "a", "DNS:a.example", NULL, DAY);
	server = serve(&c, 1);
	client = tls_client_new(NULL, &t.f);
	ck_assert_ptr_nonnull(client);
	talk_begin(&t, server, client, unproven("unknown.example"));
	ck_assert_int_eq(talk_shake_hands(&t), TLS_OK);
	tls_get_info(t.server, &info);
	ck_assert_str_eq(info.version, "TLSv1.3");
	ck_assert_str_eq(info.sni, "unknown.example");
	ck_assert_uint_ge(info.bits, 128);
	ck_assert_int_eq(strncmp(info.cipher, "TLS_", 4), 0);
	talk_end(&t);
	tls_client_free(&client);
	tls_server_free(&server);
	certificate_remove(&c);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_certificate_that_is_not_trusted_is_refused_with_the_reason)
{
	struct certificate c[2];
	struct tls_server *server;
	struct tls_client *client;
	struct talk t;

	make_dir();
	certificate_make(&c[0], dir, "a", "DNS:a.example", NULL, DAY);
	certificate_make(&c[1], dir, "b", "DNS:a.example", NULL, DAY);
	server = serve(&c[0], 1);
	client = tls_client_new(c[1].chain, &t.f);
	ck_assert_ptr_nonnull(client);
	talk_begin(&t, server, client, by_name("a.example"));
	ck_assert_int_eq(talk_shake_hands(&t), TLS_FAILED);
	ck_assert_str_eq(t.f.dsn, "4.7.5");
	ck_assert_ptr_nonnull(strstr(t.f.text, "certificate"));
	talk_end(&t);
	tls_client_free(&client);
	tls_server_free(&server);
	certificate_remove(&c[0]);
	certificate_remove(&c[1]);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(reading_again_serves_new_connections_and_leaves_old_ones)
{
	struct certificate c, old;
	struct tls_server *server;
	struct tls_client *client;
	struct talk t;
	struct fault f;
	char got[8];
	size_t n;

	make_dir();
	certificate_make(&c, dir, "a", "DNS:old.example", NULL, DAY);
	server = serve(&c, 1);
	client = tls_client_new(c.chain, &f);
	ck_assert_ptr_nonnull(client);
	talk_begin(&t, server, client, by_name("old.example"));
	ck_assert_int_eq(talk_shake_hands(&t), TLS_OK);
	old = c;
	certificate_make(&c, dir, "a", "DNS:new.example", NULL, DAY);
	ck_assert_int_eq(tls_server_reload(server, &f), 0);
	ck_assert(accepts(server, &c, "new.example"));
	ck_assert(!accepts(server, &c, "old.example"));
	/* The session from before goes on. */
	ck_assert_int_eq(tls_write(t.server, "hello", 5, &n, &f), TLS_OK);
	ck_assert_int_eq(tls_read(t.client, got, sizeof got, &n, &f), TLS_OK);
	ck_assert_uint_eq(n, 5);
	talk_end(&t);
	tls_client_free(&client);
	tls_server_free(&server);
	certificate_remove(&old);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(files_that_went_bad_leave_the_old_certificates_in_use)
{
	struct certificate c[2], kept[2];
	struct tls_server *server;
	struct fault f;
	char trust[140];

	make_dir();
	certificate_make(&c[0], dir, "a", "DNS:a.example", NULL, DAY);
	certificate_make(&c[1], dir, "b", "DNS:b.example", NULL, DAY);
	server = serve(c, 2);
	/* The first is renewed, the second is gone: neither is taken. */
	snprintf(trust, sizeof trust, "%s/trust", dir);
	ck_assert_int_eq(rename(c[0].chain, trust), 0);
	kept[0] = c[0];
	snprintf(kept[0].chain, sizeof kept[0].chain, "%s/trust", dir);
	certificate_make(&c[0], dir, "a", "DNS:a.example", NULL, DAY);
	ck_assert_int_eq(unlink(c[1].key), 0);
	ck_assert_int_eq(tls_server_reload(server, &f), -1);
	ck_assert_ptr_nonnull(strstr(f.text, c[1].key));
	ck_assert(accepts(server, &kept[0], "a.example"));
	ck_assert(!accepts(server, &c[0], "a.example"));
	ck_assert(accepts(server, &c[1], "b.example"));
	tls_server_free(&server);
	certificate_remove(&c[0]);
	certificate_remove(&c[1]);
	certificate_remove(&kept[0]);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static void
check_bad_pair(const char *chain, const char *key, const char *named)
{
	const struct tls_certificate files = {chain, key};
	struct fault f;

	ck_assert_ptr_null(tls_server_new(&files, 1, &f));
	ck_assert_msg(strstr(f.text, named) != NULL, "\"%s\" does not name %s",
	    f.text, named);
}

START_TEST(bad_files_are_faults_that_name_them)
{
	struct certificate a, b, locked;
	struct fault f;
	int null;

	make_dir();
	certificate_make(&a, dir, "a", "DNS:a.example", NULL, DAY);
	certificate_make(&b, dir, "b", "DNS:b.example", NULL, DAY);
	certificate_make(&locked, dir, "l", "DNS:l.example", "secret", DAY);
	check_bad_pair("/nonexistent.pem", a.key, "/nonexistent.pem");
	check_bad_pair(a.chain, "/nonexistent.key", "/nonexistent.key");
	check_bad_pair(a.chain, b.key, b.key);
	check_bad_pair(a.key, a.key, a.key);
	check_bad_pair(a.chain, a.chain, a.chain);
	/* With a password: never asked for. */
	null = open("/dev/null", O_RDWR);
	ck_assert_int_ge(null, 0);
	close(null);
	check_bad_pair(locked.chain, locked.key, locked.key);
	ck_assert_ptr_null(tls_server_new(NULL, 0, &f));
	ck_assert_ptr_null(tls_client_new("/nonexistent.ca", &f));
	ck_assert_ptr_nonnull(strstr(f.text, "/nonexistent.ca"));
	certificate_remove(&a);
	certificate_remove(&b);
	certificate_remove(&locked);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(an_expired_certificate_is_served_with_a_warning)
{
	struct certificate c;
	struct tls_server *server;
	FILE *file = tmpfile();
	char text[1000];
	int kept = dup(STDERR_FILENO);
	ssize_t n;

	make_dir();
	certificate_make(&c, dir, "a", "DNS:a.example", NULL, -3600);
	dup2(fileno(file), STDERR_FILENO);
	server = serve(&c, 1);
	dup2(kept, STDERR_FILENO);
	n = pread(fileno(file), text, sizeof text - 1, 0);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_ptr_nonnull(
	    strstr(text, "warn certificate has expired file="));
	ck_assert_ptr_nonnull(strstr(text, c.chain));
	/* The client decides. */
	ck_assert(!accepts(server, &c, "a.example"));
	tls_server_free(&server);
	certificate_remove(&c);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* An old client: nothing but what it is told to offer. */
static bool
server_accepts_version(struct tls_server *server, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fds[2], rc = -1;
	struct tls *tls;
	struct fault f;
	SSL *ssl;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fds[1]);
	tls = tls_accept(server, fds[0]);
	for (int i = 0; i < STEPS && rc != 1; i++) {
		rc = SSL_connect(ssl);
		if (tls_handshake(tls, &f) == TLS_FAILED)
			break;
	}
	tls_free(&tls);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fds[0]);
	close(fds[1]);
	return rc == 1;
}

START_TEST(nothing_older_than_tls_1_2_is_spoken)
{
	struct certificate c;
	struct tls_server *server;

	make_dir();
	certificate_make(&c, dir, "a", "DNS:a.example", NULL, DAY);
	server = serve(&c, 1);
	ck_assert(server_accepts_version(server, TLS1_3_VERSION));
	ck_assert(server_accepts_version(server, TLS1_2_VERSION));
	ck_assert(!server_accepts_version(server, TLS1_1_VERSION));
	ck_assert(!server_accepts_version(server, TLS1_VERSION));
	tls_server_free(&server);
	certificate_remove(&c);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(an_end_is_an_end_with_a_farewell_and_without)
{
	for (int polite = 0; polite < 2; polite++) {
		struct certificate c;
		struct tls_server *server;
		struct tls_client *client;
		struct talk t;
		char got[8];
		size_t n;

		make_dir();
		certificate_make(&c, dir, "a", "DNS:a.example", NULL, DAY);
		server = serve(&c, 1);
		client = tls_client_new(NULL, &t.f);
		talk_begin(&t, server, client, unproven(NULL));
		ck_assert_int_eq(talk_shake_hands(&t), TLS_OK);
		if (polite)
			tls_free(&t.client);
		shutdown(t.fds[1], SHUT_WR);
		ck_assert_int_eq(
		    tls_read(t.server, got, sizeof got, &n, &t.f), TLS_EOF);
		talk_end(&t);
		tls_client_free(&client);
		tls_server_free(&server);
		certificate_remove(&c);
		ck_assert_int_eq(rmdir(dir), 0);
	}
}
END_TEST

/* The digest of a certificate's key (selector 1, matching 1), or the whole of
 * the certificate (0, 0). */
static size_t
tlsa_data(const struct certificate *c, bool whole, uint8_t data[2048])
{
	FILE *file = fopen(c->chain, "r");
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
	unsigned len = 0;
	uint8_t *at = data;

	fclose(file);
	if (whole) {
		len = (unsigned)i2d_X509(x, &at);
	} else {
		uint8_t *key = NULL;
		int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &key);

		ck_assert_int_eq(
		    EVP_Digest(key, (size_t)n, data, &len, EVP_sha256(), NULL),
		    1);
		OPENSSL_free(key);
	}
	X509_free(x);
	return len;
}

/* One record for a server with the certificate `mine`, made of `theirs`. */
static const struct {
	uint8_t usage, selector, matching;
	bool right;
	const char *name;
	bool ok, verified;
} tlsas[] = {
    {3, 1, 1, true, "a.example", true, true},
    {3, 0, 0, true, "a.example", true, true},
    /* With usage 3 names do not count. */
    {3, 1, 1, true, "b.example", true, true},
    {3, 1, 1, false, "a.example", false, false},
    {2, 1, 1, false, "a.example", false, false},
    /* Of no use: any server will do, but nothing is proven. */
    {0, 1, 1, true, "a.example", true, false},
    {1, 1, 1, false, "a.example", true, false},
    {3, 1, 9, true, "a.example", true, false},
};

START_TEST(tlsa_records_say_whom_to_believe)
{
	struct certificate mine, theirs;
	struct tls_server *server;
	struct tls_client *client;
	struct tls_info info;
	uint8_t data[2048];
	struct talk t;

	make_dir();
	certificate_make(&mine, dir, "a", "DNS:a.example", NULL, DAY);
	certificate_make(&theirs, dir, "b", "DNS:a.example", NULL, DAY);
	server = serve(&mine, 1);
	for (size_t i = 0; i < ARRAY_LEN(tlsas); i++) {
		size_t len = tlsa_data(tlsas[i].right ? &mine : &theirs,
		    tlsas[i].selector == 0, data);
		const struct tls_tlsa tlsa = {tlsas[i].usage, tlsas[i].selector,
		    tlsas[i].matching, str_n((const char *)data, len)};
		const struct tls_demand demand = {.proof = TLS_PROOF_TLSA,
		    .name = tlsas[i].name,
		    .tlsa = &tlsa,
		    .n_tlsa = 1};
		bool ok;

		client = tls_client_new(mine.chain, &t.f);
		ck_assert_ptr_nonnull(client);
		talk_begin(&t, server, client, &demand);
		ok = talk_shake_hands(&t) == TLS_OK;
		ck_assert_msg(ok == tlsas[i].ok, "%zu: %s", i, t.f.text);
		tls_get_info(t.client, &info);
		ck_assert_msg(
		    !ok || info.is_verified == tlsas[i].verified, "%zu", i);
		talk_end(&t);
		tls_client_free(&client);
	}
	tls_server_free(&server);
	certificate_remove(&mine);
	certificate_remove(&theirs);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* A session with a message each way, so that tickets arrive. */
static bool
is_resumed(struct tls_server *server, struct tls_client *client,
    const struct tls_demand *demand, bool *verified)
{
	struct tls_info info;
	struct talk t;
	char got[8];
	size_t n;

	talk_begin(&t, server, client, demand);
	ck_assert_msg(talk_shake_hands(&t) == TLS_OK, "%s", t.f.text);
	ck_assert_int_eq(tls_write(t.server, "hello", 5, &n, &t.f), TLS_OK);
	ck_assert_int_eq(tls_read(t.client, got, sizeof got, &n, &t.f), TLS_OK);
	tls_get_info(t.client, &info);
	*verified = info.is_verified;
	talk_end(&t);
	return info.is_resumed;
}

START_TEST(a_session_is_resumed_only_for_the_same_demand)
{
	struct certificate c;
	struct tls_server *server;
	struct tls_client *client;
	struct fault f;
	bool verified;

	make_dir();
	certificate_make(&c, dir, "a", "DNS:a.example", NULL, DAY);
	server = serve(&c, 1);
	client = tls_client_new(c.chain, &f);
	ck_assert_ptr_nonnull(client);
	ck_assert(
	    !is_resumed(server, client, unproven("a.example"), &verified));
	ck_assert(!verified);
	ck_assert(is_resumed(server, client, unproven("a.example"), &verified));
	ck_assert(!verified);
	ck_assert(!is_resumed(server, client, by_name("a.example"), &verified));
	ck_assert(verified);
	ck_assert(is_resumed(server, client, by_name("a.example"), &verified));
	ck_assert(verified);
	tls_client_free(&client);
	tls_server_free(&server);
	certificate_remove(&c);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* Whom a certificate is for, how long it is good, whether it is trusted, and
 * what is wrong with it. */
static const struct {
	const char *names;
	long seconds;
	bool trusted;
	enum tls_flaw flaw;
} flaws[] = {
    {"DNS:a.example", DAY, true, TLS_FLAW_NONE},
    {"DNS:b.example", DAY, true, TLS_FLAW_NAME},
    {"DNS:a.example", -3600, true, TLS_FLAW_EXPIRED},
    {"DNS:a.example", DAY, false, TLS_FLAW_UNTRUSTED},
};

START_TEST(a_flaw_is_told_whether_it_is_refused_or_not)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(flaws); i++) {
		bool lenient = i % 2 == 1, flawed;
		struct tls_demand demand = *by_name("a.example");
		struct certificate c, other;
		struct tls_server *server;
		struct tls_client *client;
		struct tls_info info;
		struct talk t;

		demand.is_lenient = lenient;
		make_dir();
		certificate_make(&c, dir, "a", flaws[i / 2].names, NULL,
		    flaws[i / 2].seconds);
		certificate_make(&other, dir, "b", "DNS:b.example", NULL, DAY);
		server = serve(&c, 1);
		client = tls_client_new(
		    flaws[i / 2].trusted ? c.chain : other.chain, &t.f);
		ck_assert_ptr_nonnull(client);
		talk_begin(&t, server, client, &demand);
		flawed = flaws[i / 2].flaw != TLS_FLAW_NONE;
		ck_assert_int_eq(talk_shake_hands(&t),
		    flawed && !lenient ? TLS_FAILED : TLS_OK);
		ck_assert_int_eq(tls_find_flaw(t.client), flaws[i / 2].flaw);
		if (!flawed || lenient) {
			tls_get_info(t.client, &info);
			ck_assert(info.is_verified == !lenient);
		}
		talk_end(&t);
		tls_client_free(&client);
		tls_server_free(&server);
		certificate_remove(&c);
		certificate_remove(&other);
		ck_assert_int_eq(rmdir(dir), 0);
	}
}
END_TEST

UNIT_MAIN("tls", both_ends_know_what_their_connection_is_bound_by,
    tlsa_records_say_whom_to_believe,
    a_flaw_is_told_whether_it_is_refused_or_not,
    a_session_is_resumed_only_for_the_same_demand,
    a_client_gets_the_certificate_with_its_name,
    an_unknown_name_gets_the_first_certificate,
    a_certificate_that_is_not_trusted_is_refused_with_the_reason,
    reading_again_serves_new_connections_and_leaves_old_ones,
    files_that_went_bad_leave_the_old_certificates_in_use,
    bad_files_are_faults_that_name_them,
    an_expired_certificate_is_served_with_a_warning,
    nothing_older_than_tls_1_2_is_spoken,
    an_end_is_an_end_with_a_farewell_and_without)
