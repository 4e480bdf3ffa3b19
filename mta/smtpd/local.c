/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/local.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "base/mem.h"

enum { ENTRY_SIZE = 4096 };

/* A name that can stand in an address and a trace field as it is. */
static bool
is_plain(struct str name)
{
	if (name.len == 0 || name.len >= LOCAL_NAME_SIZE || name.at[0] == '.' ||
	    str_ends(name, STR_LIT(".")))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-' ||
			(c == '.' && name.at[i - 1] != '.')))
			return false;
	}
	return true;
}

static void
find_name(struct local_user *u)
{
	struct passwd entry, *found = NULL;
	char text[ENTRY_SIZE];
	int rc;

	loop_blocking_begin();
	rc = getpwuid_r(u->uid, &entry, text, sizeof text, &found);
	loop_blocking_end();
	if (rc != 0 || found == NULL || !is_plain(str(found->pw_name)) ||
	    !str_copy(str(found->pw_name), u->name, sizeof u->name))
		snprintf(u->name, sizeof u->name, "uid-%u", (unsigned)u->uid);
}

struct local_user *
local_user_new(const struct local_rules *rules, uid_t uid)
{
	struct local_user *u = mem_new(struct local_user);

	u->uid = uid;
	u->is_anyone = uid == 0;
	for (size_t i = 0; i < rules->n_anyone; i++)
		u->is_anyone = u->is_anyone || rules->anyone[i] == uid;
	find_name(u);
	snprintf(u->login, sizeof u->login, "%s@%s", u->name, rules->domain);
	return u;
}

void
local_user_free(struct local_user **user)
{
	mem_free(*user);
	*user = NULL;
}

bool
local_user_is_sender(const struct local_user *u, const struct address *sender)
{
	struct address own;
	struct str name, detail;
	struct fault ignored;

	if (u->is_anyone)
		return true;
	if (address_parse(str(u->login), &own, &ignored) < 0 ||
	    sender->host != ADDRESS_DOMAIN ||
	    !str_is_nocase(str(sender->domain), str(own.domain)))
		return false;
	address_split_detail(str(sender->local), '+', &name, &detail);
	return str_is_nocase(name, str(u->name));
}
