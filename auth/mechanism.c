/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/mechanism.h"

const struct mechanism mechanisms[MECHANISMS + 1] = {
    {.name = "SCRAM-SHA-256"},
    {.name = "SCRAM-SHA-1"},
    {.name = "PLAIN", .plaintext = true},
    {.name = "LOGIN", .plaintext = true},
    {.name = "OAUTHBEARER", .plaintext = true, .bearer = true},
    {.name = "XOAUTH2", .plaintext = true, .bearer = true},
    {.name = "EXTERNAL", .external = true},
    {.name = NULL},
};

const struct mechanism *
mechanism_find(struct str name)
{
	for (const struct mechanism *m = mechanisms; m->name != NULL; m++) {
		if (str_is_nocase(name, str(m->name)))
			return m;
	}
	return NULL;
}

bool
mechanism_is_librarys(const struct mechanism *m)
{
	return !m->bearer && !m->external;
}
