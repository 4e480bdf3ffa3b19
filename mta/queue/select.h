/* SPDX-License-Identifier: ISC */
/*
 * Which messages an operator means: by id, or by what they have in common.
 */
#ifndef MTA_QUEUE_SELECT_H
#define MTA_QUEUE_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"
#include "mta/queue/entry.h"

enum select_state {
	SELECT_ANY,
	SELECT_HELD,
	SELECT_WAITING,  /* not held */
	SELECT_DEFERRED, /* tried in vain */
	SELECT_NEW,      /* not tried yet */
};

/* Views into the parameters. Empty, or 0: anything. */
struct selection {
	struct str id;
	struct str sender;    /* "ann@example.org", "@example.org", "<>" */
	struct str recipient; /* the same */
	struct str domain;    /* of a recipient */
	struct str reason;    /* a part of the last reply */
	int64_t before;       /* it came before, ms since 1970 */
	int64_t since;        /* and since */
	enum select_state state;
	bool all; /* said, because nothing else was */
};

/*
 * Parameters id, sender, recipient, domain, reason, older, younger (seconds),
 * state ("held" "waiting" "deferred" "new") and all. 5.5.4 for what is none.
 * With `needed`, so that nobody empties a queue by leaving something out, also
 * where nothing is selected by and all is not true.
 */
int selection_read(const json_t *params, bool needed, struct selection *s,
    struct fault *f) MUST_USE;

/* A recipient that waits, and is meant. */
bool selection_has_rcpt(const struct selection *s, const struct entry_rcpt *r);
/* Whether the entry is meant, and has such a recipient. */
bool selection_has(const struct selection *s, const struct entry *e);

#endif
