/* SPDX-License-Identifier: ISC */
/*
 * Passwords for one program of a user's ("phone"), made here and never chosen:
 *
 *   abcde-fghjk-mnpqr-stuvw
 *
 * 100 random bits cannot be guessed, so a plain digest is enough to keep, and
 * quick to compare. Blanks, hyphens and the case of letters do not count when
 * it is typed.
 */
#ifndef AUTH_APP_PASSWORD_H
#define AUTH_APP_PASSWORD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

enum {
	APP_PASSWORD_SIZE = 24,
	APP_PASSWORD_DIGEST_SIZE = 45, /* base64 of SHA-256 */
};

/* A new one, to be shown once and wiped, and what to keep of it. */
void app_password_make(
    char password[APP_PASSWORD_SIZE], char digest[APP_PASSWORD_DIGEST_SIZE]);
/* False where what was typed cannot be one. */
bool app_password_digest(
    struct str typed, char digest[APP_PASSWORD_DIGEST_SIZE]) MUST_USE;

#endif
