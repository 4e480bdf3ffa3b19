/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/mechanism.h"

const struct mechanism mechanisms[MECHANISMS + 1] = {
    {"SCRAM-SHA-256", false},
    {"SCRAM-SHA-1", false},
    {"PLAIN", true},
    {"LOGIN", true},
    {NULL, false},
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
