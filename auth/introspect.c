/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/introspect.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "auth/name.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/https.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/mem.h"

enum { SECRET_SIZE = 512, FORM_MAX = 4 * JWT_MAX, ANSWER_MAX = 64 << 10 };

struct known {
	uint8_t digest[CRYPTO_SHA256_LEN]; /* of the token */
	int64_t until;                     /* clock_ms(); 0: nothing is kept */
	char user[NAME_SIZE];
};

struct introspect {
	struct introspect_conf conf;
	struct https *https;
	pthread_mutex_t mutex; /* guards what follows */
	char secret[SECRET_SIZE];
	unsigned under_way;
	struct known known[INTROSPECT_CACHE]; /* by the digest's first bytes */
};

/* One question, which its thread waits for. */
struct question {
	pthread_mutex_t mutex;
	pthread_cond_t answered;
	bool done;
	enum https_result result;
	struct buf body;
	struct fault fault;
};

/* The secret. */

static int
read_secret(const char *path, char secret[SECRET_SIZE], struct fault *f)
{
	FILE *file = fopen(path, "re");
	bool got = file != NULL && fgets(secret, SECRET_SIZE, file) != NULL;
	int why = errno;

	if (file != NULL)
		fclose(file);
	if (file == NULL)
		return fault_perm(f, "5.3.5", "oauth_client_secret: %s: %s",
		    path, strerror(why));
	if (got)
		secret[strcspn(secret, "\r\n")] = '\0';
	if (!got || secret[0] == '\0')
		return fault_perm(f, "5.3.5",
		    "oauth_client_secret: %s: the first line is empty", path);
	return 0;
}

struct introspect *
introspect_new(const struct introspect_conf *conf, struct fault *f)
{
	struct introspect *i = mem_new(struct introspect);

	i->conf = *conf;
	pthread_mutex_init(&i->mutex, NULL);
	if (read_secret(conf->secret_file, i->secret, f) < 0)
		introspect_free(&i);
	return i;
}

int
introspect_start(struct introspect *i, struct fault *f)
{
	const struct https_conf conf = {
	    .ca_file = i->conf.ca_file,
	    .limit_ms = i->conf.timeout_ms,
	    .answer_max = ANSWER_MAX,
	};

	i->https = https_new(&conf, f);
	return i->https != NULL ? 0 : -1;
}

int
introspect_reload(struct introspect *i, struct fault *f)
{
	char secret[SECRET_SIZE];

	if (read_secret(i->conf.secret_file, secret, f) < 0)
		return -1;
	pthread_mutex_lock(&i->mutex);
	memcpy(i->secret, secret, sizeof secret);
	pthread_mutex_unlock(&i->mutex);
	mem_wipe(secret, sizeof secret);
	return 0;
}

void
introspect_free(struct introspect **introspect)
{
	struct introspect *i = *introspect;

	if (i == NULL)
		return;
	https_free(&i->https);
	pthread_mutex_destroy(&i->mutex);
	mem_wipe(i, sizeof *i);
	mem_free(i);
	*introspect = NULL;
}

/* What is known. */

static struct known *
place_of(struct introspect *i, const uint8_t digest[CRYPTO_SHA256_LEN])
{
	return &i->known[(digest[0] | (unsigned)digest[1] << 8) %
			 INTROSPECT_CACHE];
}

static bool
find_known(struct introspect *i, const uint8_t digest[CRYPTO_SHA256_LEN],
    struct buf *user)
{
	struct known *k = place_of(i, digest);
	bool found;

	pthread_mutex_lock(&i->mutex);
	found = k->until > clock_ms() &&
		memcmp(k->digest, digest, CRYPTO_SHA256_LEN) == 0;
	if (found)
		buf_puts(user, k->user);
	pthread_mutex_unlock(&i->mutex);
	return found;
}

/* Not for longer than the token has, where that is known. */
static void
keep_known(struct introspect *i, const uint8_t digest[CRYPTO_SHA256_LEN],
    struct str user, int64_t left_ms)
{
	struct known *k = place_of(i, digest);

	if (left_ms > i->conf.cache_ms)
		left_ms = i->conf.cache_ms;
	if (left_ms <= 0)
		return;
	pthread_mutex_lock(&i->mutex);
	k->until = 0;
	if (str_copy(user, k->user, sizeof k->user)) {
		memcpy(k->digest, digest, CRYPTO_SHA256_LEN);
		k->until = clock_ms() + left_ms;
	}
	pthread_mutex_unlock(&i->mutex);
}

/* Asking. */

/* RFC 6749 B: all but what needs no escape anywhere. */
static void
put_escaped(struct buf *b, struct str text)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-._~";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c != '\0' && strchr(plain, c) != NULL)
			buf_putc(b, (char)c);
		else
			buf_putf(b, "%%%02X", c);
	}
}

static void
on_answer(void *ctx, const struct https_answer *a)
{
	struct question *q = ctx;

	pthread_mutex_lock(&q->mutex);
	q->result = a->result;
	if (a->result == HTTPS_OK)
		buf_put_str(&q->body, a->body);
	else
		q->fault = *a->fault;
	q->done = true;
	pthread_cond_signal(&q->answered);
	pthread_mutex_unlock(&q->mutex);
}

static int
send_question(
    struct introspect *i, struct question *q, struct str token, struct fault *f)
{
	struct buf form, client, secret;
	int rc;

	buf_init_secret(&form, FORM_MAX);
	buf_init(&client, 3 * SECRET_SIZE);
	buf_init_secret(&secret, 3 * SECRET_SIZE);
	buf_puts(&form, "token=");
	put_escaped(&form, token);
	buf_puts(&form, "&token_type_hint=access_token");
	put_escaped(&client, str(i->conf.client));
	pthread_mutex_lock(&i->mutex);
	put_escaped(&secret, str(i->secret));
	pthread_mutex_unlock(&i->mutex);
	rc = https_begin(i->https,
	    &(struct https_request){
		.url = i->conf.url,
		.deadline = clock_ms() + i->conf.timeout_ms,
		.post = buf_str(&form),
		.type = "application/x-www-form-urlencoded",
		.user = buf_text(&client),
		.password = buf_text(&secret),
		.done = on_answer,
		.ctx = q,
	    },
	    f);
	buf_clear(&form);
	buf_clear(&client);
	buf_clear(&secret);
	return rc;
}

/* 0 with the answer's body; a fault is always temporary: it says nothing about
 * the token. */
static int
ask(struct introspect *i, struct str token, struct buf *body, struct fault *f)
{
	struct question q = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER,
	    .answered = PTHREAD_COND_INITIALIZER,
	};
	struct fault why;
	int rc;

	buf_init(&q.body, ANSWER_MAX);
	rc = send_question(i, &q, token, &why);
	loop_blocking_begin();
	pthread_mutex_lock(&q.mutex);
	while (rc == 0 && !q.done)
		pthread_cond_wait(&q.answered, &q.mutex);
	pthread_mutex_unlock(&q.mutex);
	loop_blocking_end();
	if (rc == 0 && q.result != HTTPS_OK) {
		why = q.fault;
		rc = -1;
	}
	if (rc < 0)
		fault_temp(f, "4.7.0", "token: its issuer cannot be asked: %s",
		    why.text);
	else
		buf_put_str(body, buf_str(&q.body));
	buf_clear(&q.body);
	return rc;
}

/* A bound: whoever waits holds a thread. */
static bool
begin_asking(struct introspect *i)
{
	bool may;

	pthread_mutex_lock(&i->mutex);
	may = i->under_way < i->conf.at_once;
	if (may)
		i->under_way++;
	pthread_mutex_unlock(&i->mutex);
	return may;
}

static void
end_asking(struct introspect *i)
{
	pthread_mutex_lock(&i->mutex);
	i->under_way--;
	pthread_mutex_unlock(&i->mutex);
}

/* *left_ms: how long the token has. */
static int
judge(struct introspect *i, struct str body, int64_t now, struct buf *user,
    int64_t *left_ms, struct fault *f)
{
	struct fault ignored;
	json_t *answer = json_parse(body, &ignored);
	json_t *active = answer == NULL ? NULL : json_get(answer, "active");
	int64_t ends = answer == NULL ? 0 : json_get_int(answer, "exp", 0);
	int rc;

	if (active == NULL)
		rc = fault_temp(
		    f, "4.7.0", "token: its issuer gives no proper answer");
	else if (!json_get_bool(answer, "active", false))
		rc = fault_perm(
		    f, "5.7.8", "token: its issuer says that it is not good");
	else
		rc = jwt_check_claims(&i->conf.claims, answer, now, user, f);
	*left_ms = ends > 0 ? (ends - now) * 1000 : i->conf.cache_ms;
	json_free(&answer);
	return rc;
}

int
introspect_check(struct introspect *i, struct str token, int64_t now,
    struct buf *user, struct fault *f)
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct buf body;
	int64_t left_ms;
	int rc;

	buf_reset(user);
	if (token.len == 0 || token.len > JWT_MAX)
		return fault_perm(f, "5.7.8", "token: none, or too long");
	crypto_sha256(token, digest);
	if (find_known(i, digest, user))
		return 0;
	if (!begin_asking(i))
		return fault_temp(
		    f, "4.3.2", "token: too many wait for its issuer");
	buf_init(&body, ANSWER_MAX);
	rc = ask(i, token, &body, f);
	end_asking(i);
	if (rc == 0)
		rc = judge(i, buf_str(&body), now, user, &left_ms, f);
	if (rc == 0)
		keep_known(i, digest, buf_str(user), left_ms);
	buf_clear(&body);
	return rc;
}
