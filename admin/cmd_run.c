/* SPDX-License-Identifier: ISC */
/* posthouse run: all daemons in the foreground. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/cmd.h"
#include "admin/place.h"
#include "admin/supervisor.h"
#include "base/log.h"
#include "base/options.h"

static int run(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_run[] = {
	{ "run", NULL, "", 0, 0, 0,
	  "all daemons in the foreground", run },
	{ 0 },
};
/* clang-format on */

static const char *const programs[] = {"posthouse-authd", "posthouse-lmtpd",
    "posthouse-queued", "posthouse-smtpd", NULL};

/* The daemons stand beside this program, installed or in a build folder. */
static int
find_dir(char *dir, size_t size, struct fault *f)
{
	ssize_t n = readlink("/proc/self/exe", dir, size - 1);
	char *end;

	if (n < 0)
		return fault_errno(f, "cannot read /proc/self/exe");
	dir[n] = '\0';
	end = strrchr(dir, '/');
	if (end == NULL)
		return fault_perm(f, "5.3.5", "/proc/self/exe is no path");
	*end = '\0';
	return 0;
}

static int
prepare(const struct conf *conf, struct fault *f)
{
	static const enum place_owner owners[] = {
	    PLACE_AUTHD, PLACE_LMTPD, PLACE_QUEUED};
	struct place place;

	for (size_t i = 0; i < ARRAY_LEN(owners); i++)
		if (place_of(conf, owners[i], &place, f) < 0 ||
		    place_prepare(conf, &place, f) < 0)
			return -1;
	return 0;
}

static int
run(struct cmd_line *line, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, true, f);
	const struct common_options *common;
	char dir[PLACE_PATH_SIZE];
	int rc = -1;

	if (conf == NULL)
		return -1;
	common = conf_get(conf, &common_table);
	log_open(
	    "posthouse", LOG_TARGET_STDERR, (enum log_level)common->log_level);
	if (prepare(conf, f) < 0 || find_dir(dir, sizeof dir, f) < 0)
		goto out;
	line->status = supervisor_run(dir, programs, line->file, f);
	if (line->status >= 0)
		rc = 0;
out:
	conf_free(&conf);
	return rc;
}
