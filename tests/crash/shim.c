/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a daemon by faults.py: makes the Nth system call of a kind
 * fail, or the process die right before or after it.
 *
 * What is to happen stands in a file that both map (FAULTS), so that one daemon
 * can be put through many faults. Only files count, not pipes and sockets.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* faults.py has the same numbers. */
enum { FAIL, DIE_BEFORE, DIE_AFTER, SHORT };

struct plan {
	char kind[16];
	_Atomic int armed;
	_Atomic int left; /* calls until then */
	int what;
	int error;
	_Atomic int hit;
};

static struct plan *plan;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAULTS");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *at;

	if (fd < 0)
		return;
	at =
	    mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		plan = at;
	close(fd);
}

static int
is_file(int fd)
{
	struct stat st;
	int saved = errno, yes;

	yes =
	    fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
	errno = saved;
	return yes;
}

/* Whether this call is the one. */
static int
is_chosen(const char *kind)
{
	if (plan == NULL || atomic_load(&plan->armed) == 0 ||
	    strcmp(plan->kind, kind) != 0 ||
	    atomic_fetch_sub(&plan->left, 1) != 1)
		return 0;
	atomic_store(&plan->hit, 1);
	if (plan->what == DIE_BEFORE)
		kill(getpid(), SIGKILL);
	return 1;
}

#define REAL(name)                     \
	static __typeof__(name) *real; \
	if (real == NULL)              \
	*(void **)&real = dlsym(RTLD_NEXT, #name)

#define CALL(kind, counts, ...)                               \
	int chosen = (counts) && is_chosen(kind);             \
	if (chosen && plan->what == FAIL) {                   \
		errno = plan->error;                          \
		return -1;                                    \
	}                                                     \
	__typeof__(real(__VA_ARGS__)) rc = real(__VA_ARGS__); \
	if (chosen && plan->what == DIE_AFTER)                \
		kill(getpid(), SIGKILL);                      \
	return rc

ssize_t
write(int fd, const void *bytes, size_t len)
{
	REAL(write);
	if (fd > 2 && len > 1 && is_file(fd) && plan != NULL &&
	    plan->what == SHORT && is_chosen("write"))
		return real(fd, bytes, len / 2);
	CALL("write", fd > 2 && is_file(fd), fd, bytes, len);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	REAL(pwrite);
	CALL("pwrite", 1, fd, bytes, len, at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	REAL(pwrite64);
	CALL("pwrite", 1, fd, bytes, len, at);
}

int
fsync(int fd)
{
	REAL(fsync);
	CALL("fsync", 1, fd);
}

int
fdatasync(int fd)
{
	REAL(fdatasync);
	CALL("fdatasync", 1, fd);
}

int
syncfs(int fd)
{
	REAL(syncfs);
	CALL("syncfs", 1, fd);
}

int
renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
	REAL(renameat2);
	CALL("rename", 1, from, old, to, new, flags);
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	REAL(linkat);
	CALL("link", 1, from, old, to, new, flags);
}

int
mkdirat(int at, const char *path, mode_t mode)
{
	REAL(mkdirat);
	CALL("mkdir", 1, at, path, mode);
}

static mode_t
mode_of(int flags, va_list ap)
{
	return (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
}

int
openat(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	REAL(openat);
	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	CALL("open", 1, at, path, flags, mode);
}

int
openat64(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	REAL(openat64);
	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	CALL("open", 1, at, path, flags, mode);
}
