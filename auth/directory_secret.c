/* SPDX-License-Identifier: ISC */
/* Secrets of the directory itself, each made when it is first needed. */
#include "config.h"

#include <string.h>

#include "auth/directory_driver.h"
#include "base/crypto.h"
#include "base/mem.h"

/* Within a change. 0 or -1; value gets the secret, which may have been made by
 * another thread meanwhile. */
static int
make_secret(struct directory *d, const char *setting, struct buf *value,
    struct fault *f)
{
	uint8_t secret[DIRECTORY_SECRET_LEN];
	int rc = d->driver->get_setting(d->store, setting, value, f);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	crypto_random(secret, sizeof secret);
	buf_reset(value);
	buf_put(value, secret, sizeof secret);
	mem_wipe(secret, sizeof secret);
	d->driver->put_setting(d->store, setting, buf_str(value));
	return 0;
}

int
directory_get_secret(struct directory *d, const char *setting,
    uint8_t secret[DIRECTORY_SECRET_LEN], struct fault *f)
{
	struct buf value;
	int rc;

	buf_init_secret(&value, DIRECTORY_SECRET_LEN);
	rc = d->driver->get_setting(d->store, setting, &value, f);
	if (rc == 0) {
		directory_begin_change(d);
		rc = make_secret(d, setting, &value, f);
		rc = directory_end_change(d, rc, f);
	}
	if (rc >= 0 && buf_len(&value) != DIRECTORY_SECRET_LEN)
		rc = fault_temp(
		    f, "4.3.5", "the directory's %s is damaged", setting);
	if (rc >= 0)
		memcpy(secret, buf_str(&value).at, DIRECTORY_SECRET_LEN);
	buf_clear(&value);
	return rc < 0 ? -1 : 0;
}
