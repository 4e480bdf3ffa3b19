/* SPDX-License-Identifier: ISC */
/* A process for a piece of work. What it says comes back by a pipe. */
#include "config.h"

#include "admin/apart.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* In front of the answer. */
struct outcome {
	int rc;
	struct fault fault;
};

static void
work_here(int fd, int (*work)(void *ctx, struct buf *answer, struct fault *f),
    void *ctx, size_t max)
{
	struct outcome o;
	struct buf answer;
	bool told;

	memset(&o, 0, sizeof o);
	buf_init(&answer, max);
	o.rc = work(ctx, &answer, &o.fault);
	told = file_write(fd, str_n((const char *)&o, sizeof o)) == 0 &&
	       file_write(fd, buf_str(&answer)) == 0;
	buf_clear(&answer);
	_exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void
hear(int fd, struct buf *said)
{
	for (;;) {
		size_t room;
		char *at = buf_space(said, 1, &room);
		ssize_t n = at != NULL ? read(fd, at, room) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf_added(said, (size_t)n);
	}
}

static int
understand(const struct buf *said, struct buf *answer, struct fault *f)
{
	struct outcome o;

	if (buf_len(said) < sizeof o)
		return fault_temp(
		    f, "4.3.0", "a process ended before its work was done");
	memcpy(&o, buf_str(said).at, sizeof o);
	*f = o.fault;
	buf_reset(answer);
	buf_put_str(answer, str_from(buf_str(said), sizeof o));
	return o.rc;
}

int
apart_run(int (*work)(void *ctx, struct buf *answer, struct fault *f),
    void *ctx, struct buf *answer, struct fault *f)
{
	struct buf said;
	int ends[2], status, rc;
	pid_t pid;

	/* Or both would write what waits to be written. */
	(void)fflush(NULL);
	if (pipe(ends) < 0)
		return fault_errno(f, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		work_here(ends[1], work, ctx, answer->max);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return fault_errno(f, "cannot make a process");
	}
	buf_init(&said, sizeof(struct outcome) + answer->max);
	hear(ends[0], &said);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	rc = understand(&said, answer, f);
	buf_clear(&said);
	return rc;
}
