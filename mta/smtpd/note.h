/* SPDX-License-Identifier: ISC */
/*
 * Which rules have decided: kept while a session is only played through, for
 * "posthouse explain". A real session has no notes, and pays a comparison.
 */
#ifndef MTA_SMTPD_NOTE_H
#define MTA_SMTPD_NOTE_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/str.h"

struct conf;

struct notes {
	const struct conf *conf; /* borrowed; says where options stand */
	json_t *rules; /* [{rule, where?, text}], of one command; owned */
};

/* An option of the section smtpd, and what it says. notes may be NULL. */
void note_option(struct notes *notes, const char *option, const char *fmt, ...)
    FORMAT(3, 4);
/* A rule that stands in no file. */
void note_rule(struct notes *notes, const char *rule, const char *fmt, ...)
    FORMAT(3, 4);
/* What a socketmap said: found is socketmap_look_up()'s. */
void note_look_up(struct notes *notes, const char *map, struct str key,
    int found, struct str value, const struct fault *f);

#endif
