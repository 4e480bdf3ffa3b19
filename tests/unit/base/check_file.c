/* SPDX-License-Identifier: ISC */
/* Bytes on their way into files and pipes. */
#include "config.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { SIZE = 1 << 20, SIGNALS = 3 };

static char bytes[SIZE];
static int bell[2];

static void
fill(void)
{
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 31 + i / 251);
}

/* Reads to the end: whether what comes is all of the bytes, and no more. */
static bool
read_all(int fd)
{
	char piece[10000];
	size_t at = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) > 0) {
		if ((size_t)n > SIZE - at ||
		    memcmp(piece, bytes + at, (size_t)n) != 0)
			return false;
		at += (size_t)n;
	}
	return n == 0 && at == SIZE;
}

static void
ring(int signal)
{
	int error = errno;

	(void)signal;
	(void)!write(bell[1], "", 1);
	errno = error;
}

/* Leaves the pipe full until the writer has been disturbed some times. */
static void
run_reader(int fd, int other_end)
{
	char c;

	close(other_end);
	for (int i = 0; i < SIGNALS; i++)
		if (read(bell[0], &c, 1) != 1)
			_exit(EXIT_FAILURE);
	_exit(read_all(fd) ? EXIT_SUCCESS : EXIT_FAILURE);
}

START_TEST(all_is_written_whatever_signals_come)
{
	const struct itimerval often = {{0, 5000}, {0, 5000}}, never = {0};
	struct sigaction action = {.sa_handler = ring}; /* no SA_RESTART */
	int fds[2], status;
	pid_t pid;

	fill();
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(pipe2(bell, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(bell[0], F_SETFL, 0), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run_reader(fds[0], fds[1]);
	close(fds[0]);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	ck_assert_int_eq(file_write(fds[1], str_n(bytes, SIZE)), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	close(fds[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(bell[0]);
	close(bell[1]);
}
END_TEST

START_TEST(what_is_written_follows_what_is_there)
{
	char path[] = "/tmp/check_file.XXXXXX", text[16];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_eq(file_write(fd, STR_LIT("one ")), 0);
	ck_assert_int_eq(file_write(fd, str_n(NULL, 0)), 0);
	ck_assert_int_eq(file_write(fd, STR_LIT("two")), 0);
	ck_assert_int_eq(pread(fd, text, sizeof text, 0), 7);
	ck_assert_view_eq(str_n(text, 7), "one two");
	close(fd);
}
END_TEST

START_TEST(a_full_disk_is_told_of)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_write(fd, STR_LIT("x")), -1);
	ck_assert_int_eq(errno, ENOSPC);
	close(fd);
}
END_TEST

START_TEST(a_name_that_is_taken_is_not_taken_over)
{
	char dir[] = "/tmp/check_file.XXXXXX";
	int at;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(at, 0);
	ck_assert_int_eq(mkdirat(at, "one", 0700), 0);
	ck_assert_int_eq(symlinkat("one", at, "link"), 0);
	ck_assert_int_eq(file_rename(at, "one", at, "link"), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(file_rename(at, "one", at, "two"), 0);
	ck_assert_int_eq(file_rename(at, "one", at, "three"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(unlinkat(at, "two", AT_REMOVEDIR), 0);
	ck_assert_int_eq(unlinkat(at, "link", 0), 0);
	close(at);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(only_a_directory_is_one)
{
	char dir[] = "/tmp/check_file.XXXXXX";
	int at;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(at, 0);
	ck_assert_int_eq(symlinkat(".", at, "link"), 0);
	close(openat(at, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ck_assert(file_is_dir(at, "."));
	ck_assert(!file_is_dir(at, "link"));
	ck_assert(!file_is_dir(at, "file"));
	ck_assert(!file_is_dir(at, "nothing"));
	ck_assert_int_eq(unlinkat(at, "link", 0), 0);
	ck_assert_int_eq(unlinkat(at, "file", 0), 0);
	close(at);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

UNIT_MAIN("file", all_is_written_whatever_signals_come,
    what_is_written_follows_what_is_there, a_full_disk_is_told_of,
    a_name_that_is_taken_is_not_taken_over, only_a_directory_is_one)
