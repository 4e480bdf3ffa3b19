/* SPDX-License-Identifier: ISC */
/* The service manager's two protocols. Both are a few lines, and stable: a
 * library for them would bring more than it saves. */
#include "config.h"

#include "base/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"

enum { FIRST_FD = 3, FDS_MAX = 64 };

void
notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof un.sun_path)
		return;
	memcpy(un.sun_path, path, strlen(path));
	if (path[0] == '@')
		un.sun_path[0] = '\0';
	len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (const struct sockaddr *)&un, len);
	close(fd);
}

static uint64_t
number_from(const char *name)
{
	const char *text = getenv(name);
	uint64_t n;

	if (text == NULL || !str_to_u64(str(text), 0, INT32_MAX, &n))
		return 0;
	return n;
}

static bool
is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof on;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 &&
	       on != 0;
}

int
notify_take_socket(const struct net_address *address)
{
	static bool taken[FDS_MAX];
	uint64_t n = number_from("LISTEN_FDS");
	char wanted[140], have[140];

	if (number_from("LISTEN_PID") != (uint64_t)getpid())
		return -1;
	net_format(address, wanted, sizeof wanted);
	for (int i = 0; i < FDS_MAX && (uint64_t)i < n; i++) {
		int flags, fd = FIRST_FD + i;
		struct net_address local;
		struct fault f;

		if (taken[i] || !is_listening(fd) ||
		    net_local(fd, &local, &f) < 0)
			continue;
		net_format(&local, have, sizeof have);
		if (strcmp(wanted, have) != 0)
			continue;
		flags = fcntl(fd, F_GETFL);
		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			continue;
		taken[i] = true;
		return fd;
	}
	return -1;
}
