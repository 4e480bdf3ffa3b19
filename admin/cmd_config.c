/* SPDX-License-Identifier: ISC */
/* posthouse config: the configuration file, all sections of it. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/place.h"
#include "base/buf.h"

static int check(struct cmd_line *line, struct fault *f);
static int show(struct cmd_line *line, struct fault *f);
static int sample(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_config[] = {
	{ "config", "check", "", 0, 0, 0,
	  "whether the configuration is right", check },
	{ "config", "show", "", 0, 0, CMD_JSON,
	  "all values in force", show },
	{ "config", "sample", "", 0, 0, 0,
	  "a file to start with, every option explained", sample },
	{ 0 },
};
/* clang-format on */

enum { TEXT_MAX = 4 << 20 };

/* What a whole mail system has that is no default. */
static const char start[] =
    "tls {\n"
    "	certificate \"default\" {\n"
    "		chain = \"" SYSCONFDIR "/posthouse/fullchain.pem\"\n"
    "		key = \"" SYSCONFDIR "/posthouse/privkey.pem\"\n"
    "	}\n"
    "}\n"
    "smtpd {\n"
    "	user = \"posthouse-smtpd\"\n"
    "	listen \"*:25\" { protocol = smtp }\n"
    "	listen \"*:587\" { protocol = submission }\n"
    "	listen \"*:465\" { protocol = submissions }\n"
    "	listen \"unix:" RUNSTATEDIR "/posthouse/submit.sock\" "
    "{ protocol = local }\n"
    "}\n"
    "queued {\n"
    "	user = \"posthouse-queued\"\n"
    "	listen_group = \"posthouse\"\n"
    "	trusted_users = {\"posthouse-smtpd\"}\n"
    "}\n"
    "lmtpd {\n"
    "	user = \"posthouse-lmtpd\"\n"
    "	socket_group = \"posthouse\"\n"
    "	trusted = {\"posthouse-smtpd\", "
    "\"posthouse-queued\"}\n"
    "}\n"
    "authd {\n"
    "	user = \"posthouse-authd\"\n"
    "	socketmap_group = \"posthouse\"\n"
    "	auth_group = \"posthouse\"\n"
    "}\n";

static int
check(struct cmd_line *line, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, true, f);

	if (conf == NULL)
		return -1;
	fprintf(line->out, "%s: no errors\n", line->file);
	conf_free(&conf);
	return 0;
}

static void
print_text(struct cmd_line *line, const struct conf *conf, bool explain)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	conf_format(conf, explain, &b);
	fwrite(buf_text(&b), 1, buf_len(&b), line->out);
	buf_clear(&b);
}

static int
show(struct cmd_line *line, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, true, f);
	json_t *values;

	if (conf == NULL)
		return -1;
	if (line->json) {
		values = conf_to_json(conf);
		list_print_json(line, values);
		json_free(&values);
	} else {
		print_text(line, conf, false);
	}
	conf_free(&conf);
	return 0;
}

/* Read as any file is, so that the sample is one that can be read. */
static int
sample(struct cmd_line *line, struct fault *f)
{
	int fd = memfd_create("posthouse.conf", MFD_CLOEXEC);
	struct conf *conf = NULL;
	char path[40];
	int rc = -1;

	if (fd < 0 || write(fd, start, sizeof start - 1) < 0) {
		fault_errno(f, "cannot write the sample");
		goto out;
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	conf = conf_read(path, place_tables, PLACE_TABLES, true, f);
	if (conf == NULL)
		goto out;
	fputs("# The configuration of Posthouse: posthouse.conf(5).\n"
	      "# What has no value here stands behind a \"#\".\n\n",
	    line->out);
	print_text(line, conf, true);
	rc = 0;
out:
	conf_free(&conf);
	if (fd >= 0)
		close(fd);
	return rc;
}
