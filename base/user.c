/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/user.h"

#include <pwd.h>
#include <stdio.h>

#include "base/str.h"

void
user_format(uid_t uid, char name[USER_NAME_SIZE])
{
	struct passwd entry, *found = NULL;
	char text[4096];

	if (getpwuid_r(uid, &entry, text, sizeof text, &found) != 0 ||
	    found == NULL || str_has(str(found->pw_name), ' ') ||
	    !str_copy(str(found->pw_name), name, USER_NAME_SIZE))
		snprintf(name, USER_NAME_SIZE, "uid-%u", (unsigned)uid);
}

int
user_find_all(const struct conf_list *names, uid_t *uids, struct fault *f)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct passwd *user = getpwnam(names->items[i]);

		if (user == NULL)
			return fault_perm(f, "5.3.5", "there is no user \"%s\"",
			    names->items[i]);
		uids[i] = user->pw_uid;
	}
	return 0;
}
