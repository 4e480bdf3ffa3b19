/* SPDX-License-Identifier: ISC */
/*
 * crypt(3) behind auth/password.h.
 *
 * crypt(3) takes 511 bytes at most; the SHA-256 digest (base64) stands in for
 * a password that is longer.
 */
#include "config.h"

#include "auth/password.h"

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/mem.h"

enum {
	SALT_BYTES = 16,
	AT_ONCE_MAX = 64,
	WAITING = 64,
};

static const char method[] = "$y$"; /* yescrypt, at the library's own cost */

/* A door for so many at once. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t leave;
	unsigned at_once, waiting; /* limits; 0: not set yet */
	unsigned inside, outside;
} door = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .leave = PTHREAD_COND_INITIALIZER};

static unsigned
processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > AT_ONCE_MAX ? AT_ONCE_MAX : (unsigned)n;
}

void
password_set_limits(unsigned at_once, unsigned waiting)
{
	pthread_mutex_lock(&door.mutex);
	door.at_once = at_once > 0 ? at_once : processors();
	door.waiting = waiting > 0 ? waiting : WAITING;
	pthread_mutex_unlock(&door.mutex);
}

static int
enter(struct fault *f)
{
	int rc = 0;

	pthread_mutex_lock(&door.mutex);
	if (door.at_once == 0) {
		door.at_once = processors();
		door.waiting = WAITING;
	}
	if (door.inside >= door.at_once && door.outside >= door.waiting) {
		rc = fault_temp(f, "4.3.2", "too many log-ins at once");
	} else {
		door.outside++;
		while (door.inside >= door.at_once)
			pthread_cond_wait(&door.leave, &door.mutex);
		door.outside--;
		door.inside++;
	}
	pthread_mutex_unlock(&door.mutex);
	return rc;
}

static void
leave(void)
{
	pthread_mutex_lock(&door.mutex);
	door.inside--;
	pthread_cond_signal(&door.leave);
	pthread_mutex_unlock(&door.mutex);
}

/* What crypt(3) gets: the password, or its digest. Secret. */
static void
put_phrase(struct buf *phrase, struct str password)
{
	uint8_t digest[CRYPTO_SHA256_LEN];

	buf_init_secret(phrase, CRYPT_MAX_PASSPHRASE_SIZE);
	if (password.len < CRYPT_MAX_PASSPHRASE_SIZE) {
		buf_put_str(phrase, password);
		return;
	}
	crypto_sha256(password, digest);
	crypto_base64_put(phrase, str_n((const char *)digest, sizeof digest));
	mem_wipe(digest, sizeof digest);
}

/* False where the library refuses the setting. */
static bool
run_crypt(
    struct str password, const char *setting, char hash[PASSWORD_HASH_SIZE])
{
	struct crypt_data *data = mem_new(struct crypt_data);
	struct buf phrase;
	const char *made;
	bool ok;

	put_phrase(&phrase, password);
	made = crypt_rn(buf_text(&phrase), setting, data, sizeof *data);
	ok = made != NULL && str_copy(str(made), hash, PASSWORD_HASH_SIZE);
	buf_clear(&phrase);
	mem_wipe(data, sizeof *data);
	mem_free(data);
	return ok;
}

/*
 * The loop is told that this thread is of no use to others for as long as it
 * computes: look-ups go on meanwhile, in another thread.
 */
static int
run_bounded(struct str password, const char *setting,
    char hash[PASSWORD_HASH_SIZE], struct fault *f)
{
	int rc;

	hash[0] = '\0';
	loop_blocking_begin();
	rc = enter(f);
	if (rc == 0) {
		if (!run_crypt(password, setting, hash))
			rc = fault_temp(f, "4.3.0",
			    "cannot compute a password hash: %s",
			    strerror(errno));
		leave();
	}
	loop_blocking_end();
	return rc;
}

static int
new_setting(char setting[CRYPT_GENSALT_OUTPUT_SIZE], struct fault *f)
{
	char random[SALT_BYTES];
	const char *made;

	crypto_random(random, sizeof random);
	made = crypt_gensalt_rn(method, 0, random, sizeof random, setting,
	    CRYPT_GENSALT_OUTPUT_SIZE);
	mem_wipe(random, sizeof random);
	if (made == NULL)
		return fault_temp(f, "4.3.0", "cannot make a password hash: %s",
		    strerror(errno));
	return 0;
}

int
password_check(struct str password, struct fault *f)
{
	if (password.len < PASSWORD_MIN)
		return fault_perm(f, "5.7.0",
		    "a password has at least %d characters", PASSWORD_MIN);
	if (password.len > PASSWORD_MAX)
		return fault_perm(f, "5.7.0", "a password has at most %d bytes",
		    PASSWORD_MAX);
	for (size_t i = 0; i < password.len; i++) {
		unsigned char c = (unsigned char)password.at[i];

		if (c < ' ' || c == 0x7f)
			return fault_perm(
			    f, "5.7.0", "a password has no control characters");
	}
	return 0;
}

int
password_hash(
    struct str password, char hash[PASSWORD_HASH_SIZE], struct fault *f)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	hash[0] = '\0';
	if (password_check(password, f) < 0 || new_setting(setting, f) < 0)
		return -1;
	return run_bounded(password, setting, hash, f);
}

bool
password_is_hash(const char *hash)
{
	int kind;

	/* A setting without a digest behind it would be the right answer to
	 * nothing; DES, whose hashes begin with no "$", is too weak. */
	if (hash[0] != '$' || strlen(hash) >= PASSWORD_HASH_SIZE ||
	    strlen(hash) < 20)
		return false;
	kind = crypt_checksalt(hash);
	return kind == CRYPT_SALT_OK || kind == CRYPT_SALT_METHOD_LEGACY;
}

/* What is verified where there is nothing to verify: made once, of the cost
 * of a new hash, and of no password. */
static char dummy[CRYPT_GENSALT_OUTPUT_SIZE];
static pthread_once_t dummy_once = PTHREAD_ONCE_INIT;

static void
make_dummy(void)
{
	struct fault f;

	if (new_setting(dummy, &f) < 0)
		die_bug("%s", f.text);
}

int
password_verify(struct str password, const char *hash, struct fault *f)
{
	char made[PASSWORD_HASH_SIZE];
	bool real = hash != NULL && password_is_hash(hash) &&
		    password.len <= PASSWORD_MAX && !str_has(password, '\0');
	int rc;

	pthread_once(&dummy_once, make_dummy);
	rc = run_bounded(
	    real ? password : STR_LIT("nobody"), real ? hash : dummy, made, f);
	if (rc == 0 && real && crypto_is_equal(str(made), str(hash)))
		rc = 1;
	mem_wipe(made, sizeof made);
	return rc;
}
