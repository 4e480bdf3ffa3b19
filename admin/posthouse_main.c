/* SPDX-License-Identifier: ISC */
/* posthouse: the operator's command. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "admin/cmd.h"
#include "base/log.h"

/* What was printed has to arrive, unless nobody wanted it: a broken pipe. */
static int
finish(struct cmd_line *line)
{
	if (fflush(line->out) != 0)
		line->out_errno = errno;
	if (line->out_errno == 0 && !ferror(line->out))
		return line->status;
	if (line->out_errno != EPIPE)
		fprintf(stderr, "posthouse: standard output: %s\n",
		    line->out_errno != 0 ? strerror(line->out_errno)
					 : "cannot be written");
	return EX_IOERR;
}

static int
complain(const struct fault *f, int status)
{
	fprintf(stderr, "posthouse: %s\n", f->text);
	return status;
}

int
main(int argc, char **argv)
{
	struct cmd_line line;
	struct fault f = {0};

	(void)signal(SIGPIPE, SIG_IGN);
	umask(077);
	log_open("posthouse", LOG_TARGET_STDERR, LOG_LEVEL_WARN);
	if (cmd_parse(argc, argv, &line, &f) < 0)
		return complain(&f, EX_USAGE);
	if (line.help) {
		if (cmd_help_on(line.out, line.args, line.n_args, &f) < 0)
			return complain(&f, EX_USAGE);
		return finish(&line);
	}
	if (line.cmd->run(&line, &f) < 0) {
		(void)fflush(line.out);
		return complain(&f, cmd_status_of(&f));
	}
	return finish(&line);
}
