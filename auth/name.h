/* SPDX-License-Identifier: ISC */
/*
 * Names in the directory: "user@domain" and "@domain" (the catch-all), in key
 * form: ASCII letters in lower case, the domain as A-labels.
 *
 * Two doors lead here. What somebody looks up may be anything and is only
 * brought into key form. What is put into the directory must be deliverable
 * for ever, so names are refused that the store could not make a folder of,
 * that smtpd would never look up, or that would not stand alone in a list.
 */
#ifndef AUTH_NAME_H
#define AUTH_NAME_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	NAME_SIZE = 256,
	NAME_DOMAIN_MAX = 200, /* one folder of the store */
};

/* The key of a name that is looked up; false where no entry could have it. */
bool name_key(struct str text, char key[NAME_SIZE]) MUST_USE;
/* The same for a domain alone. */
bool name_domain_key(struct str text, char key[NAME_SIZE]) MUST_USE;

/*
 * The key of a name that is to be added: permanent 5.1.3 where it is no
 * address or could not be a mailbox. Programs, files and included files
 * ("|command", "/path", ":include:…") get words of their own: other mail
 * systems have them as targets of aliases, and here there are none by design.
 */
int name_check(struct str text, char key[NAME_SIZE], struct fault *f) MUST_USE;
/* The same where "@domain" is good too. */
int name_check_alias(
    struct str text, char key[NAME_SIZE], struct fault *f) MUST_USE;
int name_check_domain(
    struct str text, char key[NAME_SIZE], struct fault *f) MUST_USE;

/* The two parts of a key. */
struct str name_local(struct str key);
struct str name_domain(struct str key);

/* list is split by blanks. */
bool name_list_has(struct str list, struct str name);

/* Whether a local part is the form of the address of a group's owners
 * ("owner-LIST", "LIST-owner", "LIST-request"); *local is then the group's. */
bool name_owned(struct str *local);

#endif
