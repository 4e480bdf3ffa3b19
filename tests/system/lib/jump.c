/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a daemon: its clock of the day differs from the machine's by
 * the seconds that stand in a file which both map (JUMP), as eight bytes. All
 * else, such as the times of files, goes by the machine's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t nothing;
static _Atomic int64_t *offset = &nothing;
static int (*real_gettime)(clockid_t clock, struct timespec *t);

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("JUMP");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *at =
	    fd < 0 ? MAP_FAILED
		   : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);

	if (at != MAP_FAILED)
		offset = at;
	if (fd >= 0)
		close(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc;

	if (real_gettime == NULL)
		*(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	rc = real_gettime(clock, t);
	if (rc == 0 && clock == CLOCK_REALTIME)
		t->tv_sec += (time_t)atomic_load(offset);
	return rc;
}

time_t
time(time_t *to)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (to != NULL)
		*to = t.tv_sec;
	return t.tv_sec;
}

int
gettimeofday(struct timeval *restrict to, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	to->tv_sec = t.tv_sec;
	to->tv_usec = t.tv_nsec / 1000;
	return 0;
}
