/* SPDX-License-Identifier: ISC */
/* News for the service manager, and sockets from it. */
#include "config.h"

#include "base/notify.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { FIRST_FD = 3 };

static struct net_address
parse(const char *text)
{
	struct net_address a;
	struct fault f;

	ck_assert_msg(net_parse(str(text), &a, &f) == 0, "%s", f.text);
	return a;
}

/*
 * Puts descriptors in a row from 3 on, as a service manager does. The test
 * framework has its own there: so all this happens in a child process, where
 * EXPECT says by the exit status which line failed.
 */
#define EXPECT(what)                               \
	do {                                       \
		if (!(what))                       \
			_exit(__LINE__ % 255 + 1); \
	} while (0)

static void
hand_over(const int *fds, int n, pid_t pid)
{
	char text[32];
	int kept[8];

	for (int i = 0; i < n; i++)
		kept[i] = fcntl(fds[i], F_DUPFD, 100);
	for (int i = 0; i < n; i++)
		EXPECT(dup2(kept[i], FIRST_FD + i) == FIRST_FD + i);
	snprintf(text, sizeof text, "%d", n);
	setenv("LISTEN_FDS", text, 1);
	snprintf(text, sizeof text, "%d", (int)pid);
	setenv("LISTEN_PID", text, 1);
}

static int
listen_on(struct net_address *a)
{
	struct fault f;
	int fd = net_listen(a, 0600, &f);

	EXPECT(fd >= 0 && net_local(fd, a, &f) == 0);
	return fd;
}

static void
in_child(void (*what)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		what();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void
take_each(void)
{
	struct net_address a = parse("127.0.0.1:0"), b = a;
	struct net_address other = parse("127.0.0.1:9");
	int fds[3];

	/* Connected, not listening: not to be taken. */
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	fds[1] = listen_on(&a);
	fds[2] = listen_on(&b);
	hand_over(fds, 3, getpid());
	EXPECT(notify_take_socket(&other) == -1);
	EXPECT(notify_take_socket(&b) == FIRST_FD + 2);
	EXPECT(notify_take_socket(&b) == -1);
	EXPECT(notify_take_socket(&a) == FIRST_FD + 1);
	EXPECT(fcntl(FIRST_FD + 1, F_GETFD) & FD_CLOEXEC);
	EXPECT(fcntl(FIRST_FD + 1, F_GETFL) & O_NONBLOCK);
}

START_TEST(sockets_are_found_by_address_and_given_once)
{
	in_child(take_each);
}
END_TEST

static void
take_others(void)
{
	struct net_address a = parse("127.0.0.1:0");
	int fd = listen_on(&a);

	hand_over(&fd, 1, getppid());
	EXPECT(notify_take_socket(&a) == -1);
	unsetenv("LISTEN_PID");
	EXPECT(notify_take_socket(&a) == -1);
}

START_TEST(sockets_for_another_process_are_left_alone)
{
	in_child(take_others);
}
END_TEST

static void
take_senseless(void)
{
	static const char *const numbers[] = {
	    "", "x", "-1", "99999999999", "0"};
	struct net_address a = parse("127.0.0.1:0");
	int fd = listen_on(&a);

	hand_over(&fd, 1, getpid());
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		setenv("LISTEN_FDS", numbers[i], 1);
		EXPECT(notify_take_socket(&a) == -1);
	}
	setenv("LISTEN_FDS", "1", 1);
	EXPECT(notify_take_socket(&a) == FIRST_FD);
}

START_TEST(senseless_numbers_of_sockets_are_ignored)
{
	in_child(take_senseless);
}
END_TEST

static void
check_news(struct sockaddr_un *un, socklen_t len, const char *name)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char got[64] = "";

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)un, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("READY=1");
	ck_assert_int_eq(recv(fd, got, sizeof got, 0), 7);
	ck_assert_str_eq(got, "READY=1");
	close(fd);
}

START_TEST(news_reach_a_path_and_an_abstract_name)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/check_notify.XXXXXX", name[64];
	int n;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(un.sun_path, sizeof un.sun_path, "%s/n", dir);
	check_news(&un, sizeof un, un.sun_path);
	ck_assert_int_eq(unlink(un.sun_path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
	n = snprintf(name, sizeof name, "@check_notify.%d", (int)getpid());
	memset(un.sun_path, 0, sizeof un.sun_path);
	memcpy(un.sun_path + 1, name + 1, (size_t)n - 1);
	check_news(
	    &un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n), name);
}
END_TEST

START_TEST(nobody_who_listens_is_no_trouble)
{
	char text[300];

	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_send("READY=1");
	memset(text, '/', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	setenv("NOTIFY_SOCKET", text, 1);
	notify_send("READY=1");
}
END_TEST

UNIT_MAIN("notify", sockets_are_found_by_address_and_given_once,
    sockets_for_another_process_are_left_alone,
    senseless_numbers_of_sockets_are_ignored,
    news_reach_a_path_and_an_abstract_name, nobody_who_listens_is_no_trouble)
