/* SPDX-License-Identifier: ISC */
/* From a user of the directory to a folder, as store/mailbox.h has it. */
#include "config.h"

#include "auth/home.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "auth/name.h"

int
homes_init(
    struct homes *homes, const char *root, const char *user, struct fault *f)
{
	const struct passwd *pw;

	*homes = (struct homes){.root = root};
	if (root == NULL)
		return 0;
	errno = 0;
	pw = user == NULL ? NULL : getpwnam(user);
	if (pw == NULL)
		return fault_perm(f, "5.3.5", "mail_user: %s: %s",
		    user == NULL ? "not set" : user,
		    errno == 0 ? "no such user" : strerror(errno));
	homes->uid = pw->pw_uid;
	homes->gid = pw->pw_gid;
	return 0;
}

bool
home_find(const struct homes *homes, struct str name, struct home *home)
{
	struct str local = name_local(name), domain = name_domain(name);
	int n;

	if (homes->root == NULL || local.len == 0 || local.at[0] == '.' ||
	    domain.len == 0 || domain.at[0] == '.' || str_has(name, '/') ||
	    str_has(name, '\n') || str_has(name, '\0'))
		return false;
	n = snprintf(home->path, sizeof home->path, "%s/%.*s/%.*s", homes->root,
	    STR_ARG(domain), STR_ARG(local));
	home->uid = homes->uid;
	home->gid = homes->gid;
	return n > 0 && (size_t)n < sizeof home->path;
}
