/* SPDX-License-Identifier: ISC */
/* Senders of forwarded mail: the look-ups. The rules of the form are in srs.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/directory_driver.h"
#include "auth/name.h"
#include "auth/srs.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "proto/address.h"

enum { DAY = 86400 };

static const char setting[] = "srs_secret";

/* Made where there is none; the mutex of changes is held. */
static int
make_secret(struct directory *d, struct buf *value, struct fault *f)
{
	uint8_t secret[SRS_SECRET_LEN];

	crypto_random(secret, sizeof secret);
	buf_reset(value);
	buf_put(value, secret, sizeof secret);
	mem_wipe(secret, sizeof secret);
	return d->driver->put_setting(d->store, setting, buf_str(value), f);
}

static int
get_secret(struct directory *d, uint8_t secret[SRS_SECRET_LEN], struct fault *f)
{
	struct buf value;
	int rc;

	buf_init_secret(&value, SRS_SECRET_LEN);
	rc = d->driver->get_setting(d->store, setting, &value, f);
	if (rc == 0) {
		directory_begin_change(d);
		rc = d->driver->get_setting(d->store, setting, &value, f);
		if (rc == 0)
			rc = make_secret(d, &value, f);
		directory_end_change(d);
	}
	if (rc >= 0 && buf_len(&value) != SRS_SECRET_LEN)
		rc = fault_temp(
		    f, "4.3.5", "the directory's %s is damaged", setting);
	if (rc >= 0)
		memcpy(secret, buf_str(&value).at, SRS_SECRET_LEN);
	buf_clear(&value);
	return rc < 0 ? -1 : 0;
}

void
directory_set_srs_domain(struct directory *d, const char *domain)
{
	if (!str_copy(str(domain), d->srs_domain, sizeof d->srs_domain))
		die_bug("a domain of %zu bytes", strlen(domain));
}

static void
put_address(const struct address *a, struct buf *value)
{
	buf_reset(value);
	address_put(value, a, false);
}

int
directory_srs_forward(
    struct directory *d, struct str sender, struct buf *value, struct fault *f)
{
	uint8_t secret[SRS_SECRET_LEN];
	char domain[NAME_SIZE];
	struct address a, rewritten;
	struct fault ignored;
	int rc;

	if (d->srs_domain[0] == '\0' || address_parse(sender, &a, &ignored) < 0)
		return 0;
	if (!name_domain_key(str(a.domain), domain) ||
	    str_is(str(domain), str(d->srs_domain)))
		return 0;
	rc = d->driver->get_domain(d->store, str(domain), f);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (get_secret(d, secret, f) < 0)
		return -1;
	rc = srs_forward(
	    secret, &a, d->srs_domain, (int64_t)time(NULL) / DAY, &rewritten);
	mem_wipe(secret, sizeof secret);
	if (rc > 0)
		put_address(&rewritten, value);
	return rc;
}

int
directory_srs_reverse(
    struct directory *d, struct str address, struct buf *value, struct fault *f)
{
	uint8_t secret[SRS_SECRET_LEN];
	struct address a, sender;
	struct fault ignored;
	int rc;

	if (d->srs_domain[0] == '\0' ||
	    address_parse(address, &a, &ignored) < 0 ||
	    !str_is_nocase(str(a.domain), str(d->srs_domain)) ||
	    !srs_is_rewritten(str(a.local)))
		return 0;
	if (get_secret(d, secret, f) < 0)
		return -1;
	rc = srs_reverse(
	    secret, str(a.local), (int64_t)time(NULL) / DAY, &sender, f);
	mem_wipe(secret, sizeof secret);
	if (rc < 0)
		return -1;
	put_address(&sender, value);
	return 1;
}
