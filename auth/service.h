/* SPDX-License-Identifier: ISC */
/*
 * What a user logs in to, as the asking server names it: "smtp", "imap". The
 * same service under other names (submission, imaps) gets one key.
 */
#ifndef AUTH_SERVICE_H
#define AUTH_SERVICE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

enum { SERVICE_SIZE = 24 };

/* False, and an empty key, for what is no name of a service: letters, digits
 * and hyphens. */
bool service_key(struct str text, char key[SERVICE_SIZE]) MUST_USE;

/* Whether mail is sent or read by it. One that is not known counts as such:
 * what is closed to mail must not be opened by a server that says nothing. */
bool service_is_mail(const char *key);

#endif
