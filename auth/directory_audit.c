/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/directory_driver.h"
#include "base/control.h"
#include "base/user.h"

void
directory_set_caller(struct directory *d, uid_t uid)
{
	d->caller = uid;
}

void
directory_audit(struct directory *d, const char *what, const char *name,
    const char *fmt, ...)
{
	struct directory_audit *a = &d->audit;
	va_list args;

	/* A name is a key, and fits. */
	(void)!str_copy(str(what), a->what, sizeof a->what);
	(void)!str_copy(str(name), a->name, sizeof a->name);
	va_start(args, fmt);
	vsnprintf(a->detail, sizeof a->detail, fmt, args);
	va_end(args);
}

int
directory_audit_flush(struct directory *d, struct fault *f)
{
	struct directory_audit *a = &d->audit;
	uid_t caller = control_caller();
	int rc = 0;

	if (a->what[0] != '\0') {
		a->time = (int64_t)time(NULL);
		user_format(caller != (uid_t)-1 ? caller : d->caller, a->who);
		rc = d->driver->put_audit(d->store, a, &d->audit_bounds, f);
	}
	a->what[0] = '\0';
	return rc;
}

int
directory_each_audit(struct directory *d, uint64_t after,
    directory_each_audit_call *each, void *ctx, struct fault *f)
{
	return d->driver->each_audit(d->store, after, each, ctx, f);
}
