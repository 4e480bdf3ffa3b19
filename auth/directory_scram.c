/* SPDX-License-Identifier: ISC */
/* The users' keys for SCRAM: a credential of its own, so that look-ups of
 * mailboxes do not carry it. */
#include "config.h"

#include <string.h>

#include "auth/directory_driver.h"
#include "base/crypto.h"
#include "base/mem.h"

static const char setting[] = "scram_secret";
static const char kind[] = "scram";

void
directory_set_scram(struct directory *d, bool on)
{
	d->without_scram = !on;
}

bool
directory_has_scram(const struct directory *d)
{
	return !d->without_scram;
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

int
directory_user_add_scram(struct directory *d, const struct directory_user *user,
    const struct scram_keys *keys, struct fault *f)
{
	struct directory_user now;
	struct scram_keys had;
	int rc;

	directory_begin_change(d);
	rc = directory_need_user(d, str(user->name), &now, f);
	if (rc == 0)
		rc = directory_user_get_scram(d, str(user->name), &had, f);
	if (rc == 0 && crypto_is_equal(str(now.hash), str(user->hash)))
		directory_put_scram(d, str(user->name), keys);
	mem_wipe(&now, sizeof now);
	mem_wipe(&had, sizeof had);
	rc = directory_end_change(d, rc, f);
	return rc < 0 ? -1 : 0;
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
