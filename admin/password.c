/* SPDX-License-Identifier: ISC */
/*
 * Reading a password. Whatever ends the prompt, the terminal gets its echo
 * back: signals that would end the program are noted, and raised again after.
 */
#include "config.h"

#include "admin/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/utf8.h"

static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
	caught = number;
}

/* Up to the end of the line, which is not kept. Byte by byte: what follows the
 * line belongs to somebody else. */
static int
read_line(int fd, struct buf *line, struct fault *f)
{
	char c;
	ssize_t n;

	while ((n = read(fd, &c, 1)) == 1 && c != '\n')
		buf_putc(line, c);
	if (n < 0)
		return fault_errno(f, "cannot read the password");
	if (n == 0 && buf_len(line) == 0)
		return fault_perm(f, "5.5.4",
		    "no password: one line of standard input was expected");
	return 0;
}

static int
check(const struct buf *password, struct fault *f)
{
	struct str s = buf_str(password);

	if (buf_is_full(password))
		return fault_perm(f, "5.5.4",
		    "the password is longer than %d bytes", PASSWORD_MAX);
	if (s.len == 0)
		return fault_perm(f, "5.5.4", "the password is empty");
	if (!utf8_is_valid(s))
		return fault_perm(f, "5.5.4", "the password is not UTF-8");
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
			return fault_perm(f, "5.5.4",
			    "the password has a control character in it");
	return 0;
}

/* From a terminal without echo. */

/*
 * The signals are blocked but for the moment of waiting, so that none comes
 * unseen between two looks. A terminal has its input by lines.
 */
static int
ask(int tty, const char *prompt, struct buf *line, struct fault *f)
{
	struct pollfd input = {tty, POLLIN, 0};
	sigset_t none;
	int rc;

	(void)!write(tty, prompt, strlen(prompt));
	sigemptyset(&none);
	if (ppoll(&input, 1, NULL, &none) < 0)
		rc = fault_perm(f, "5.5.4", "interrupted");
	else
		rc = read_line(tty, line, f);
	(void)!write(tty, "\n", 1);
	return rc;
}

static int
ask_twice(int tty, const char *whose, struct buf *password, struct fault *f)
{
	struct buf again, prompt;
	int rc = -1;

	buf_init_secret(&again, PASSWORD_MAX);
	buf_init(&prompt, 600);
	buf_putf(&prompt, "Password for %.500s: ", whose);
	if (ask(tty, buf_text(&prompt), password, f) < 0 ||
	    check(password, f) < 0 ||
	    ask(tty, "The same again: ", &again, f) < 0)
		goto out;
	if (!str_is(buf_str(password), buf_str(&again))) {
		fault_perm(f, "5.5.4", "the two passwords differ");
		goto out;
	}
	rc = 0;
out:
	buf_clear(&prompt);
	buf_clear(&again);
	return rc;
}

static int
ask_hidden(int tty, const char *whose, struct buf *password, struct fault *f)
{
	struct sigaction before[ARRAY_LEN(signals)];
	struct sigaction note = {.sa_handler = on_signal};
	struct termios old, quiet;
	sigset_t block, mask;
	int rc;

	if (tcgetattr(tty, &old) < 0)
		return fault_errno(f, "cannot switch the echo off");
	caught = 0;
	sigemptyset(&block);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		sigaddset(&block, signals[i]);
		sigaction(signals[i], &note, &before[i]);
	}
	sigprocmask(SIG_BLOCK, &block, &mask);
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
		rc = fault_errno(f, "cannot switch the echo off");
	else
		rc = ask_twice(tty, whose, password, f);
	(void)tcsetattr(tty, TCSAFLUSH, &old);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &before[i], NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (caught != 0)
		raise(caught);
	return rc;
}

int
password_read(const char *whose, struct buf *password, struct fault *f)
{
	int tty, rc;

	if (!isatty(STDIN_FILENO)) {
		if (read_line(STDIN_FILENO, password, f) < 0)
			return -1;
		return check(password, f);
	}
	tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return fault_errno(f, "cannot open the terminal");
	rc = ask_hidden(tty, whose, password, f);
	close(tty);
	return rc;
}
