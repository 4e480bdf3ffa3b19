/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/mechanism.h"

const struct mechanism mechanisms[MECHANISMS + 1] = {
    {"SCRAM-SHA-256", false, false},
    {"SCRAM-SHA-1", false, false},
    {"PLAIN", true, false},
    {"LOGIN", true, false},
    {"OAUTHBEARER", true, true},
    {"XOAUTH2", true, true},
    {NULL, false, false},
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
