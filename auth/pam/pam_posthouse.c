/* SPDX-License-Identifier: ISC */
/*
 * A PAM module that has posthouse-authd check passwords, by the protocol of
 * Dovecot's authentication service.
 *
 * It lives in others' processes, so it is one file on its own: nothing here
 * ends the process, keeps a thread or a descriptor, or brings another library
 * along. All memory has a fixed size.
 *
 *   auth     required pam_posthouse.so [socket=PATH] [domain=DOMAIN] [debug]
 *   account  required pam_posthouse.so
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define PAM_SM_AUTH
#define PAM_SM_ACCOUNT
#include <security/pam_ext.h>
#include <security/pam_modules.h>

enum {
	WAIT_S = 120, /* longer than a refusal is ever delayed */
	NAME_SIZE = 512,
	LINE_SIZE = 8192,
	RESPONSE_MAX = 2 * NAME_SIZE + 1024,
};

static const char checked[] = "posthouse_checked"; /* by pam_set_data() */

struct options {
	const char *socket, *domain;
	bool debug;
};

struct talk {
	int fd;
	time_t until; /* CLOCK_MONOTONIC */
	char in[LINE_SIZE];
	size_t had; /* bytes in it */
};

static time_t
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static struct options
read_options(pam_handle_t *pam, int argc, const char **argv)
{
	struct options o = {.socket = RUNSTATEDIR "/posthouse/auth.sock"};

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "socket=", 7) == 0)
			o.socket = argv[i] + 7;
		else if (strncmp(argv[i], "domain=", 7) == 0)
			o.domain = argv[i] + 7;
		else if (strcmp(argv[i], "debug") == 0)
			o.debug = true;
		else
			pam_syslog(
			    pam, LOG_ERR, "unknown option \"%s\"", argv[i]);
	}
	return o;
}

/* Bytes over a socket, for which nobody waits longer than until the end. */

static bool
await(const struct talk *t, short events)
{
	struct pollfd p = {.fd = t->fd, .events = events};
	time_t now = seconds();
	int rc;

	do
		rc = now < t->until ? poll(&p, 1, (int)(t->until - now) * 1000)
				    : 0;
	while (rc < 0 && errno == EINTR && (now = seconds()) < t->until);
	if (rc == 0)
		errno = ETIMEDOUT;
	return rc > 0;
}

static bool
say(const struct talk *t, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n =
		    send(t->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN && await(t, POLLOUT))
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Takes one line, without its end. */
static bool
hear(struct talk *t, char line[LINE_SIZE])
{
	for (;;) {
		char *end = memchr(t->in, '\n', t->had);
		ssize_t n;

		if (end != NULL) {
			size_t len = (size_t)(end - t->in);

			memcpy(line, t->in, len);
			line[len] = '\0';
			t->had -= len + 1;
			memmove(t->in, end + 1, t->had);
			return true;
		}
		if (t->had == sizeof t->in) {
			errno = EMSGSIZE;
			return false;
		}
		n = recv(
		    t->fd, t->in + t->had, sizeof t->in - t->had, MSG_DONTWAIT);
		if (n < 0 &&
		    (errno == EINTR || (errno == EAGAIN && await(t, POLLIN))))
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ECONNRESET;
			return false;
		}
		t->had += (size_t)n;
	}
}

static bool
dial(struct talk *t, const char *path)
{
	const struct timeval limit = {.tv_sec = WAIT_S};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	t->fd = -1;
	t->had = 0;
	t->until = seconds() + WAIT_S;
	if (len >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(sa.sun_path, path, len + 1);
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Connecting waits for room in the service's queue. */
	return t->fd >= 0 &&
	       setsockopt(
		   t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
	       connect(t->fd, (const struct sockaddr *)&sa, sizeof sa) == 0;
}

/* The protocol. */

static void
put_base64(char *to, const unsigned char *from, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; len > 0; from += 3, len -= len < 3 ? len : 3) {
		uint32_t n = (uint32_t)from[0] << 16;

		if (len > 1)
			n |= (uint32_t)from[1] << 8;
		if (len > 2)
			n |= from[2];
		*to++ = letters[n >> 18];
		*to++ = letters[n >> 12 & 63];
		*to++ = '=';
		*to++ = '=';
		if (len > 1)
			to[-2] = letters[n >> 6 & 63];
		if (len > 2)
			to[-1] = letters[n & 63];
	}
	*to = '\0';
}

/* Only what no line can be made of. */
static bool
is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

/* "\0user\0password" in base64; false where it is too long. */
static bool
make_response(
    const char *user, const char *password, char text[RESPONSE_MAX * 4 / 3 + 8])
{
	size_t user_len = strlen(user), password_len = strlen(password);
	unsigned char bytes[RESPONSE_MAX];
	bool fits = user_len + password_len + 2 <= sizeof bytes;

	if (fits) {
		bytes[0] = '\0';
		memcpy(bytes + 1, user, user_len);
		bytes[user_len + 1] = '\0';
		memcpy(bytes + user_len + 2, password, password_len);
		put_base64(text, bytes, user_len + password_len + 2);
		explicit_bzero(bytes, sizeof bytes);
	}
	return fits;
}

static bool
ask(struct talk *t, const char *service, const char *client,
    const char *response)
{
	char line[LINE_SIZE];
	int n = snprintf(line, sizeof line,
	    "VERSION\t1\t2\nCPID\t%ld\n"
	    "AUTH\t1\tPLAIN\tservice=%s%s%s\tsecured\tresp=%s\n",
	    (long)getpid(), service,
	    client == NULL ? "" : "\trip=", client == NULL ? "" : client,
	    response);
	bool ok = n > 0 && (size_t)n < sizeof line && say(t, line, (size_t)n);

	explicit_bzero(line, sizeof line);
	return ok;
}

/* The value of a field "name=…" of the line, into value. */
static bool
find_field(const char *line, const char *name, char value[NAME_SIZE])
{
	size_t len = strlen(name);
	const char *at = line;

	while ((at = strchr(at, '\t')) != NULL) {
		size_t size = strcspn(++at, "\t");

		if (size < len || strncmp(at, name, len) != 0)
			continue;
		if (size - len >= NAME_SIZE)
			return false;
		memcpy(value, at + len, size - len);
		value[size - len] = '\0';
		return true;
	}
	return false;
}

/* PAM's answer to the service's. */
static int
take_answer(struct talk *t, char user[NAME_SIZE])
{
	char line[LINE_SIZE], code[NAME_SIZE];

	/* The greeting, which may be long, and words that are not known. */
	do {
		if (!hear(t, line))
			return PAM_AUTHINFO_UNAVAIL;
	} while (strncmp(line, "OK\t1", 4) != 0 &&
		 strncmp(line, "FAIL\t1", 6) != 0 &&
		 strncmp(line, "CONT\t1", 6) != 0);
	if (line[0] == 'O' && find_field(line, "user=", user) && is_plain(user))
		return PAM_SUCCESS;
	if (line[0] == 'F' && !find_field(line, "code=temp_fail", code))
		return PAM_AUTH_ERR;
	errno = EAGAIN;
	return PAM_AUTHINFO_UNAVAIL;
}

/* user becomes the name that was proven. */
static int
check(pam_handle_t *pam, const struct options *o, char user[NAME_SIZE],
    const char *password)
{
	char response[RESPONSE_MAX * 4 / 3 + 8];
	const void *service = NULL, *client = NULL;
	struct talk t;
	int rc = PAM_AUTHINFO_UNAVAIL;

	(void)!pam_get_item(pam, PAM_SERVICE, &service);
	(void)!pam_get_item(pam, PAM_RHOST, &client);
	if (client != NULL &&
	    (*(const char *)client == '\0' || !is_plain(client)))
		client = NULL;
	if (service == NULL || !is_plain(service) ||
	    !make_response(user, password, response))
		return PAM_AUTH_ERR;
	if (dial(&t, o->socket) && ask(&t, service, client, response))
		rc = take_answer(&t, user);
	if (rc == PAM_AUTHINFO_UNAVAIL)
		pam_syslog(pam, LOG_ERR, "%s: %s", o->socket, strerror(errno));
	explicit_bzero(response, sizeof response);
	if (t.fd >= 0)
		close(t.fd);
	return rc;
}

/* Where there is a domain, a name without one is completed. */
static bool
full_name(const struct options *o, const char *name, char user[NAME_SIZE])
{
	bool whole = o->domain == NULL || strchr(name, '@') != NULL;
	int n = snprintf(user, NAME_SIZE, "%s%s%s", name, whole ? "" : "@",
	    whole ? "" : o->domain);

	return n > 0 && n < NAME_SIZE;
}

static int
note_success(pam_handle_t *pam, const struct options *o, const char *given,
    const char *user)
{
	static char yes[] = "yes";

	if (o->debug)
		pam_syslog(pam, LOG_DEBUG, "%s is %s", given, user);
	/* A server without domains keeps the name that it knows. */
	if (strchr(given, '@') != NULL &&
	    pam_set_item(pam, PAM_USER, user) != PAM_SUCCESS)
		return PAM_AUTHINFO_UNAVAIL;
	return pam_set_data(pam, checked, yes, NULL);
}

int
pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	struct options o = read_options(pam, argc, argv);
	const char *name = NULL, *password = NULL;
	char user[NAME_SIZE];
	int rc;

	if (pam_get_user(pam, &name, NULL) != PAM_SUCCESS || name == NULL)
		return PAM_USER_UNKNOWN;
	if (pam_get_authtok(pam, PAM_AUTHTOK, &password, NULL) != PAM_SUCCESS ||
	    password == NULL)
		return PAM_AUTH_ERR;
	if ((flags & PAM_DISALLOW_NULL_AUTHTOK) && password[0] == '\0')
		return PAM_AUTH_ERR;
	if (!full_name(&o, name, user))
		return PAM_AUTH_ERR;
	rc = check(pam, &o, user, password);
	return rc == PAM_SUCCESS ? note_success(pam, &o, name, user) : rc;
}

int
pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)pam;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}

/* A user who may not log in did not get past authentication. Of others, who
 * came by a key or a certificate, we know nothing. */
int
pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	const void *data = NULL;

	(void)flags;
	(void)argc;
	(void)argv;
	return pam_get_data(pam, checked, &data) == PAM_SUCCESS
		   ? PAM_SUCCESS
		   : PAM_USER_UNKNOWN;
}
