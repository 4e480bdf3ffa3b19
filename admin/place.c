/* SPDX-License-Identifier: ISC */
/* Folders and their owners. */
#include "config.h"

#include "admin/place.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auth/options.h"
#include "base/options.h"
#include "lmtp/options.h"
#include "mta/options.h"
#include "mta/queued_options.h"
#include "store/maildirsize.h"

const struct conf_table *const place_tables[PLACE_TABLES] = {
    &common_table,
    &tls_table,
    &smtpd_table,
    &queued_table,
    &lmtpd_table,
    &authd_table,
};

struct conf *
place_read_conf(const char *file, bool strict, struct fault *f)
{
	if (access(file, R_OK) == 0)
		return conf_read(file, place_tables, PLACE_TABLES, strict, f);
	if (errno == ENOENT)
		fault_perm(f, "5.3.5",
		    "%s: there is no such file; -c FILE names another, and "
		    "\"posthouse config sample\" prints one to start with",
		    file);
	else
		fault_perm(f, errno == EACCES ? "4.7.0" : "5.3.5", "%s: %s",
		    file, strerror(errno));
	return NULL;
}

static int
put_path(char path[PLACE_PATH_SIZE], struct fault *f, const char *dir,
    const char *name)
{
	int n = snprintf(path, PLACE_PATH_SIZE, "%s%s%s", dir,
	    name != NULL ? "/" : "", name != NULL ? name : "");

	if (n < 0 || n >= PLACE_PATH_SIZE)
		return fault_perm(
		    f, "5.3.5", "the path %.100s… is too long", dir);
	return 0;
}

int
place_of(const struct conf *conf, enum place_owner owner, struct place *place,
    struct fault *f)
{
	const struct common_options *common = conf_get(conf, &common_table);
	const struct authd_options *authd = conf_get(conf, &authd_table);
	const struct lmtpd_options *lmtpd = conf_get(conf, &lmtpd_table);
	const struct queued_options *queued = conf_get(conf, &queued_table);
	const char *state = common->state_dir;

	*place = (struct place){0};
	if (owner == PLACE_AUTHD) {
		place->program = "posthouse-authd";
		place->user = authd->user;
		if (put_path(place->dir, f,
			authd->directory != NULL ? authd->directory : state,
			authd->directory != NULL ? NULL : "directory") < 0)
			return -1;
		return put_path(
		    place->control, f, common->run_dir, "posthouse-authd.ctl");
	}
	if (owner == PLACE_QUEUED) {
		place->program = "posthouse-queued";
		place->user = queued->user;
		if (put_path(place->dir, f, state, "queue") < 0)
			return -1;
		return put_path(
		    place->control, f, common->run_dir, "posthouse-queued.ctl");
	}
	place->program = "posthouse-lmtpd";
	place->user = lmtpd->user;
	/* Whoever works on the mailboxes counts as lmtpd does. */
	maildirsize_set_trash(lmtpd->quota_trash);
	if (put_path(place->dir, f,
		lmtpd->index_dir != NULL ? lmtpd->index_dir : state,
		lmtpd->index_dir != NULL ? NULL : "index") < 0 ||
	    put_path(place->root, f, lmtpd->root != NULL ? lmtpd->root : state,
		lmtpd->root != NULL ? NULL : "mail") < 0)
		return -1;
	return put_path(
	    place->control, f, common->run_dir, "posthouse-lmtpd.ctl");
}

static int
find_user(
    const struct place *place, const struct passwd **user, struct fault *f)
{
	*user = NULL;
	if (place->user == NULL)
		return 0;
	*user = getpwnam(place->user);
	if (*user == NULL)
		return fault_perm(f, "5.3.5",
		    "the user \"%s\" of %s does not exist", place->user,
		    place->program);
	return 0;
}

/* The folder's parents belong to root and let everybody pass. */
static int
make_parents(const char *path, struct fault *f)
{
	char part[PLACE_PATH_SIZE];

	snprintf(part, sizeof part, "%s", path);
	for (char *p = part + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) == 0)
			(void)chmod(part, 0755);
		else if (errno != EEXIST)
			return fault_errno(f, "cannot make %s", part);
		*p = '/';
	}
	return 0;
}

static int
make_for(const char *path, const struct passwd *user, struct fault *f)
{
	if (path[0] == '\0')
		return 0;
	if (make_parents(path, f) < 0)
		return -1;
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0
				       : fault_errno(f, "cannot make %s", path);
	if (lchown(path, user->pw_uid, user->pw_gid) < 0)
		return fault_errno(
		    f, "cannot give %s to %s", path, user->pw_name);
	return 0;
}

int
place_prepare(
    const struct conf *conf, const struct place *place, struct fault *f)
{
	const struct common_options *common = conf_get(conf, &common_table);
	const struct passwd *user;

	if (find_user(place, &user, f) < 0)
		return -1;
	if (geteuid() != 0 || user == NULL) {
		if (mkdir(common->state_dir, 0755) == 0)
			(void)chmod(common->state_dir, 0755);
		return 0;
	}
	if (make_for(place->dir, user, f) < 0)
		return -1;
	return make_for(place->root, user, f);
}

/* Who owns the place: the configured user, else that of the nearest folder
 * that exists. */
static int
find_owner(const struct place *place, uid_t *uid, gid_t *gid, struct fault *f)
{
	char path[PLACE_PATH_SIZE];
	const struct passwd *user;
	struct stat st;

	if (find_user(place, &user, f) < 0)
		return -1;
	if (user != NULL) {
		*uid = user->pw_uid;
		*gid = user->pw_gid;
		return 0;
	}
	snprintf(path, sizeof path, "%s", place->dir);
	while (stat(path, &st) < 0) {
		char *end = strrchr(path, '/');

		if (errno == EACCES)
			return fault_perm(f, "4.7.0",
			    "%s is not running, and we have no right to %s: "
			    "run this as root",
			    place->program, place->dir);
		if (errno != ENOENT || end == NULL || end == path)
			return fault_errno(f, "cannot look at %s", path);
		*end = '\0';
	}
	*uid = st.st_uid;
	*gid = st.st_gid;
	return 0;
}

static const char *
name_of(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user != NULL ? user->pw_name : "its owner";
}

static int
set_groups(const char *user, uid_t uid, gid_t gid)
{
	const struct passwd *pw = getpwuid(uid);

	if (user != NULL)
		return initgroups(user, gid);
	if (pw != NULL)
		return initgroups(pw->pw_name, gid);
	return setgroups(0, NULL);
}

static int
become_user(const struct place *place, bool *changed, struct fault *f)
{
	uid_t uid;
	gid_t gid;

	*changed = false;
	if (find_owner(place, &uid, &gid, f) < 0)
		return -1;
	if (geteuid() == uid)
		return 0;
	if (geteuid() != 0)
		return fault_perm(f, "4.7.0",
		    "%s is not running, and without it %s is open only to %s: "
		    "run this as root or as %s, or start %s",
		    place->program, place->dir, name_of(uid), name_of(uid),
		    place->program);
	if (set_groups(place->user, uid, gid) < 0 || setgid(gid) < 0 ||
	    setuid(uid) < 0)
		return fault_errno(
		    f, "cannot become the user %s", name_of(uid));
	*changed = true;
	return 0;
}

int
place_become_user(const struct place *place, struct fault *f)
{
	bool changed;

	return become_user(place, &changed, f);
}

/* The first of the rights that a container may have left us. */
static int
keep_reading(void)
{
	static const unsigned rights[] = {
	    CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE};
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
		uint32_t bit = 1U << rights[i];

		if ((data[0].permitted & bit) == 0)
			continue;
		memset(data, 0, sizeof data);
		data[0].permitted = data[0].effective = bit;
		return (int)syscall(SYS_capset, &head, data);
	}
	return 0;
}

int
place_become_reader(const struct place *place, struct fault *f)
{
	bool changed;

	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		return fault_errno(f, "cannot keep the right to read");
	if (become_user(place, &changed, f) < 0)
		return -1;
	if (changed && keep_reading() < 0)
		return fault_errno(f, "cannot keep the right to read");
	return 0;
}
