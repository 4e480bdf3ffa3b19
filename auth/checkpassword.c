/* SPDX-License-Identifier: ISC */
/* What checkpassword programs do besides checking a password. */
#include "config.h"

#include "auth/checkpassword.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
checkpassword_parse(struct str in, struct str *user, struct str *password)
{
	*user = str_cut(&in, '\0');
	*password = str_cut(&in, '\0');
	/* The timestamp may be empty, but its end is there. */
	return user->len > 0 && password->at != NULL && in.at != NULL &&
	       str_has(in, '\0');
}

bool
checkpassword_is_lookup(void)
{
	const char *wanted = getenv("AUTHORIZED");

	return wanted != NULL && strcmp(wanted, "1") == 0;
}

static void
set_number(const char *name, unsigned long n)
{
	char text[24];

	snprintf(text, sizeof text, "%lu", n);
	setenv(name, text, 1);
}

void
checkpassword_set_environment(
    const char *user, const struct home *home, const char *quota_rule)
{
	const char *names = quota_rule[0] == '\0'
				? "userdb_uid userdb_gid"
				: "userdb_uid userdb_gid userdb_quota_rule";
	const char *extra = getenv("EXTRA");
	char all[1024];

	setenv("USER", user, 1);
	setenv("HOME", home->path, 1);
	setenv("SHELL", "/bin/sh", 1);
	set_number("userdb_uid", home->uid);
	set_number("userdb_gid", home->gid);
	if (quota_rule[0] != '\0')
		setenv("userdb_quota_rule", quota_rule, 1);
	if (extra != NULL &&
	    snprintf(all, sizeof all, "%s %s", extra, names) < (int)sizeof all)
		setenv("EXTRA", all, 1);
	else
		setenv("EXTRA", names, 1);
	if (checkpassword_is_lookup())
		setenv("AUTHORIZED", "2", 1);
}

int
checkpassword_become(const struct home *home, struct fault *f)
{
	if (geteuid() == 0 &&
	    (setgroups(1, &home->gid) < 0 || setgid(home->gid) < 0 ||
		setuid(home->uid) < 0))
		return fault_errno(
		    f, "cannot become the owner of %s", home->path);
	if (chdir(home->path) == 0)
		return 0;
	/* Who cannot go there, as Dovecot's own user, only hands it on. */
	if ((errno != ENOENT && (errno != EACCES || geteuid() == home->uid)) ||
	    chdir("/") < 0)
		return fault_errno(f, "cannot go to %s", home->path);
	return 0;
}
