/* SPDX-License-Identifier: ISC */
/* Who gets in by a password. */
#include "config.h"

#include "auth/access.h"

#include "auth/directory.h"
#include "auth/password.h"
#include "base/mem.h"

/* Whoever has only a hash, from elsewhere or from before, shows the password
 * here for once. Where the keys cannot be kept now, the next time will do. */
static void
add_scram(
    struct directory *d, const struct directory_user *user, struct str password)
{
	struct scram_keys keys = {.sha256 = ""};
	struct fault ignored;

	if (!directory_has_scram(d) ||
	    directory_user_get_scram(d, str(user->name), &keys, &ignored) != 0)
		goto out;
	if (scram_make(password, &keys))
		(void)!directory_user_add_scram(d, user, &keys, &ignored);
out:
	mem_wipe(&keys, sizeof keys);
}

int
access_check(
    struct directory *d, struct str name, struct str password, struct fault *f)
{
	struct directory_user user = {0};
	int found = directory_user_get(d, name, &user, f);
	int rc;

	if (found < 0)
		return -1;
	rc = password_verify(password, user.hash, f);
	if (rc < 0)
		goto out;
	if (found > 0 && rc > 0 && !user.disabled) {
		add_scram(d, &user, password);
		goto out;
	}
	if (found == 0)
		fault_perm(f, "5.7.8", "no such user");
	else if (rc == 0)
		fault_perm(f, "5.7.8", "wrong password");
	else
		fault_perm(f, "5.7.13", "disabled");
	rc = 0;
out:
	mem_wipe(user.hash, sizeof user.hash);
	return rc;
}
