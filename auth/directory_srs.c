/* SPDX-License-Identifier: ISC */
/* Senders of forwarded mail: the look-ups. The rules of the form are in srs.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/directory_driver.h"
#include "auth/name.h"
#include "auth/srs.h"
#include "base/mem.h"
#include "proto/address.h"

enum { DAY = 86400 };

static const char setting[] = "srs_secret";

static int
get_secret(struct directory *d, uint8_t secret[SRS_SECRET_LEN], struct fault *f)
{
	return directory_get_secret(d, setting, secret, f);
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
	rc = d->driver->get_domain(d->store, str(domain), NULL, f);
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
