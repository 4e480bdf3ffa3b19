/* SPDX-License-Identifier: ISC */
/*
 * Who gets in by a password.
 *
 * An app password that is good ends it; for all else a hash is computed, even
 * where the answer is known: an app password that was right but is not good
 * must look like a wrong one.
 */
#include "config.h"

#include "auth/access.h"

#include <string.h>
#include <time.h>

#include "auth/directory.h"
#include "auth/directory_app.h"
#include "auth/password.h"
#include "auth/service.h"
#include "base/mem.h"

/* Whoever has only a hash, from elsewhere or from before, shows the password
 * here for once. Where the keys cannot be kept now, the next time will do. */
static void
add_forms(
    struct directory *d, const struct directory_user *user, struct str password)
{
	struct directory_password made = {.hash = ""};
	struct fault ignored;
	unsigned missing;

	if (directory_user_missing_forms(
		d, str(user->name), &missing, &ignored) < 0 ||
	    missing == 0)
		return;
	directory_make_forms(d, password, &made);
	if (made.scram.sha256[0] != '\0' || made.cram.is_set)
		(void)!directory_user_add_forms(d, user, &made, &ignored);
	mem_wipe(&made, sizeof made);
}

const char *
access_bar(const struct directory_user *user, const char *service, bool is_app)
{
	if (user->disabled)
		return "disabled";
	if (user->no_send && strcmp(service, "smtp") == 0)
		return "may not send";
	if (!is_app && user->main_closed && service_is_mail(service))
		return "main password is closed to mail";
	return NULL;
}

/* 1 where it is one and good; 0 where it is none, or trouble says why it is not
 * good; -1 where that could not be found out. */
static int
check_app(struct directory *d, const struct directory_user *user,
    const struct access *a, const char **trouble, struct fault *f)
{
	int64_t now = (int64_t)time(NULL);
	struct directory_app app;
	struct fault ignored;
	int rc = directory_app_find(d, a->name, a->password, &app, f);

	if (rc <= 0)
		return rc;
	*trouble = access_bar(user, a->service, true);
	if (*trouble == NULL && directory_app_is_expired(&app, now))
		*trouble = "app password has expired";
	if (*trouble == NULL && !directory_app_is_for(&app, a->service))
		*trouble = "app password is not for this service";
	/* Who logs in does not wait for the disk to be well. */
	if (*trouble == NULL)
		(void)!directory_app_note_use(
		    d, str(user->name), &app, now, &ignored);
	mem_wipe(&app, sizeof app);
	return *trouble == NULL;
}

static int
refuse(const char *why, struct fault *f)
{
	fault_perm(f, "5.7.8", "%s", why);
	return 0;
}

/* A user without a name is nobody. */
static int
check_main(struct directory *d, const struct directory_user *user,
    const struct access *a, const char *trouble, struct fault *f)
{
	int rc = password_verify(a->password, user->hash, f);

	if (rc < 0)
		return -1;
	if (user->name[0] == '\0')
		trouble = "no such user";
	else if (rc > 0)
		trouble = access_bar(user, a->service, false);
	else if (trouble == NULL)
		trouble = "wrong password";
	if (trouble != NULL)
		return refuse(trouble, f);
	add_forms(d, user, a->password);
	return 1;
}

int
access_check(
    struct directory *d, const struct access *a, bool *is_app, struct fault *f)
{
	struct directory_user user = {0};
	const char *trouble = NULL;
	int rc = directory_user_get(d, a->name, &user, f);

	*is_app = false;
	if (rc > 0)
		rc = check_app(d, &user, a, &trouble, f);
	*is_app = rc > 0;
	if (rc == 0)
		rc = check_main(d, &user, a, trouble, f);
	mem_wipe(user.hash, sizeof user.hash);
	return rc;
}
