/* SPDX-License-Identifier: ISC */
/*
 * Daemons as children of one process in the foreground, for a laptop, a
 * container or a first try.
 *
 * Each is started when those before it have said READY, and started again,
 * later and later, when it dies. TERM and INT stop them one by one, the last
 * first, so that what one still does the others can answer; a second TERM
 * hastens that. HUP is passed on. When the supervisor itself is killed, the
 * kernel sends them TERM.
 */
#ifndef ADMIN_SUPERVISOR_H
#define ADMIN_SUPERVISOR_H

#include "base/attr.h"
#include "base/fault.h"

enum { SUPERVISOR_CHILDREN_MAX = 8 };

/*
 * dir has the programs (ended by NULL), each of which gets "-c conf_file".
 * Says READY when all have. Returns when all are gone: EX_OK after a signal,
 * the status of the child that failed where one could not even be started the
 * first time, -1 with a fault where none was started at all.
 */
int supervisor_run(const char *dir, const char *const *programs,
    const char *conf_file, struct fault *f) MUST_USE;

#endif
