/* SPDX-License-Identifier: ISC */
/* What is kept of users' passwords beside the hash, for SCRAM and CRAM-MD5:
 * credentials of their own, so that look-ups of mailboxes do not carry them. */
#include "config.h"

#include <string.h>

#include "auth/directory_driver.h"
#include "base/crypto.h"
#include "base/mem.h"

static const char setting[] = "scram_secret";
static const char kind[] = "scram";
static const char cram_kind[] = "cram-md5";

void
directory_set_forms(struct directory *d, unsigned forms)
{
	d->forms = forms;
}

unsigned
directory_forms(const struct directory *d)
{
	return d->forms;
}

void
directory_make_forms(const struct directory *d, struct str password,
    struct directory_password *made)
{
	if (d->forms & DIRECTORY_FORM_SCRAM)
		(void)!scram_make(password, &made->scram);
	if (d->forms & DIRECTORY_FORM_CRAM_MD5)
		cram_make(password, &made->cram);
}

/* "1 SHA-256 SHA-1" */

static bool
parse_keys(struct str value, struct scram_keys *keys)
{
	struct str version = str_cut(&value, ' ');
	struct str sha256 = str_cut(&value, ' ');

	return str_is(version, STR_LIT("1")) &&
	       str_copy(sha256, keys->sha256, sizeof keys->sha256) &&
	       str_copy(value, keys->sha1, sizeof keys->sha1);
}

void
directory_put_scram(
    struct directory *d, struct str user, const struct scram_keys *keys)
{
	struct buf value;

	if (keys->sha256[0] == '\0') {
		d->driver->del_credential(d->store, user, str(kind));
		return;
	}
	buf_init_secret(&value, DIRECTORY_CREDENTIAL_MAX);
	buf_putf(&value, "1 %s %s", keys->sha256, keys->sha1);
	d->driver->put_credential(d->store, user, str(kind), buf_str(&value));
	buf_clear(&value);
}

int
directory_user_get_scram(struct directory *d, struct str name,
    struct scram_keys *keys, struct fault *f)
{
	char key[NAME_SIZE];
	struct buf value;
	int rc;

	memset(keys, 0, sizeof *keys);
	if (!name_key(name, key))
		return 0;
	buf_init_secret(&value, DIRECTORY_CREDENTIAL_MAX);
	rc =
	    d->driver->get_credential(d->store, str(key), str(kind), &value, f);
	if (rc > 0 && !parse_keys(buf_str(&value), keys))
		rc = fault_temp(f, "4.3.5",
		    "the directory's keys of \"%s\" are damaged", key);
	buf_clear(&value);
	return rc;
}

/* "1 STATE", in base64. */

void
directory_put_cram(
    struct directory *d, struct str user, const struct cram_key *key)
{
	struct buf value;

	if (!key->is_set) {
		d->driver->del_credential(d->store, user, str(cram_kind));
		return;
	}
	buf_init_secret(&value, DIRECTORY_CREDENTIAL_MAX);
	buf_puts(&value, "1 ");
	crypto_base64_put(
	    &value, str_n((const char *)key->state, sizeof key->state));
	d->driver->put_credential(
	    d->store, user, str(cram_kind), buf_str(&value));
	buf_clear(&value);
}

static bool
parse_cram(struct str value, struct cram_key *key)
{
	struct buf state;
	bool ok;

	buf_init_secret(&state, sizeof key->state);
	ok = str_is(str_cut(&value, ' '), STR_LIT("1")) &&
	     crypto_base64_take(&state, value) &&
	     buf_len(&state) == sizeof key->state;
	if (ok)
		memcpy(key->state, buf_str(&state).at, sizeof key->state);
	key->is_set = ok;
	buf_clear(&state);
	return ok;
}

int
directory_user_get_cram(
    struct directory *d, struct str name, struct cram_key *key, struct fault *f)
{
	char user[NAME_SIZE];
	struct buf value;
	int rc;

	*key = (struct cram_key){.is_set = false};
	if (!name_key(name, user))
		return 0;
	buf_init_secret(&value, DIRECTORY_CREDENTIAL_MAX);
	rc = d->driver->get_credential(
	    d->store, str(user), str(cram_kind), &value, f);
	if (rc > 0 && !parse_cram(buf_str(&value), key))
		rc = fault_temp(f, "4.3.5",
		    "the directory's key of \"%s\" for CRAM-MD5 is damaged",
		    user);
	buf_clear(&value);
	return rc;
}

/* Both. */

int
directory_user_missing_forms(
    struct directory *d, struct str name, unsigned *missing, struct fault *f)
{
	struct directory_password had;
	int scram = 1, cram = 1;

	*missing = 0;
	if (d->forms & DIRECTORY_FORM_SCRAM)
		scram = directory_user_get_scram(d, name, &had.scram, f);
	if (scram >= 0 && (d->forms & DIRECTORY_FORM_CRAM_MD5))
		cram = directory_user_get_cram(d, name, &had.cram, f);
	mem_wipe(&had, sizeof had);
	if (scram < 0 || cram < 0)
		return -1;
	*missing = (scram == 0 ? DIRECTORY_FORM_SCRAM : 0u) |
		   (cram == 0 ? DIRECTORY_FORM_CRAM_MD5 : 0u);
	return 0;
}

int
directory_user_add_forms(struct directory *d, const struct directory_user *user,
    const struct directory_password *made, struct fault *f)
{
	struct directory_user now;
	unsigned missing = 0;
	int rc;

	directory_begin_change(d);
	rc = directory_need_user(d, str(user->name), &now, f);
	if (rc == 0)
		rc = directory_user_missing_forms(
		    d, str(user->name), &missing, f);
	if (rc == 0 && crypto_is_equal(str(now.hash), str(user->hash))) {
		if (missing & DIRECTORY_FORM_SCRAM)
			directory_put_scram(d, str(user->name), &made->scram);
		if (missing & DIRECTORY_FORM_CRAM_MD5)
			directory_put_cram(d, str(user->name), &made->cram);
	}
	mem_wipe(&now, sizeof now);
	return directory_end_change(d, rc, f);
}

int
directory_fake_scram(struct directory *d, struct str name,
    struct scram_keys *keys, struct fault *f)
{
	uint8_t secret[DIRECTORY_SECRET_LEN];

	if (directory_get_secret(d, setting, secret, f) < 0)
		return -1;
	scram_make_fake(secret, name, keys);
	mem_wipe(secret, sizeof secret);
	return 0;
}
