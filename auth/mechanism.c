/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/mechanism.h"

#include <string.h>

#include "auth/directory.h"

#define PLUS "-PLUS"

const struct mechanism mechanisms[MECHANISMS + 1] = {
    {.name = "SCRAM-SHA-256" PLUS,
	.flags = "\tmutual-auth\tchannel-binding",
	.form = DIRECTORY_FORM_SCRAM,
	.binds = true,
	.sha256 = true},
    {.name = "SCRAM-SHA-1" PLUS,
	.flags = "\tmutual-auth\tchannel-binding",
	.form = DIRECTORY_FORM_SCRAM,
	.binds = true},
    {.name = "SCRAM-SHA-256",
	.flags = "\tmutual-auth",
	.form = DIRECTORY_FORM_SCRAM,
	.sha256 = true},
    {.name = "SCRAM-SHA-1",
	.flags = "\tmutual-auth",
	.form = DIRECTORY_FORM_SCRAM},
    {.name = "GSSAPI", .flags = "\tmutual-auth", .kerberos = true},
    {.name = "CRAM-MD5",
	.flags = "\tdictionary\tactive",
	.form = DIRECTORY_FORM_CRAM_MD5},
    {.name = "PLAIN", .flags = "\tplaintext", .plaintext = true},
    {.name = "LOGIN", .flags = "\tplaintext", .plaintext = true},
    {.name = "OAUTHBEARER",
	.flags = "\tplaintext",
	.plaintext = true,
	.bearer = true},
    {.name = "XOAUTH2",
	.flags = "\tplaintext",
	.plaintext = true,
	.bearer = true},
    {.name = "EXTERNAL", .flags = "", .external = true},
    {.name = NULL},
};

size_t
mechanism_base_len(const struct mechanism *m)
{
	return strlen(m->name) - (m->binds ? sizeof PLUS - 1 : 0);
}

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
