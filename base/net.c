/* SPDX-License-Identifier: ISC */
/* Socket addresses, listeners and connections. See base/net.h for the forms. */
#include "config.h"

#include "base/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

enum { BACKLOG = 1024 };

static int
not_an_address(struct str text, struct fault *f)
{
	return fault_perm(f, "5.3.5",
	    "\"%.*s\" is no address (127.0.0.1:25, [::1]:25, *:25, "
	    "unix:/path)",
	    STR_ARG(str_head(text, 80)));
}

static int
parse_unix(struct str path, struct net_address *address, struct fault *f)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->sa;

	un->sun_family = AF_UNIX;
	if (path.len == 0 || path.at[0] != '/')
		return fault_perm(f, "5.3.5",
		    "\"unix:%.*s\": the path must begin with /",
		    STR_ARG(str_head(path, 80)));
	if (!str_copy(path, un->sun_path, sizeof un->sun_path))
		return fault_perm(f, "5.3.5",
		    "\"unix:%.*s\": the path is longer than %zu bytes",
		    STR_ARG(str_head(path, 80)), sizeof un->sun_path - 1);
	address->len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	return 0;
}

static void
set_v6(struct net_address *address, const struct in6_addr *ip, uint16_t port)
{
	struct sockaddr_in6 *sin = (struct sockaddr_in6 *)&address->sa;

	sin->sin6_family = AF_INET6;
	sin->sin6_addr = *ip;
	sin->sin6_port = htons(port);
	address->len = sizeof *sin;
}

static bool
parse_v4(struct str host, uint16_t port, struct net_address *address)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&address->sa;
	char text[INET_ADDRSTRLEN];

	if (str_is(host, STR_LIT("localhost")))
		host = STR_LIT("127.0.0.1");
	if (!str_copy(host, text, sizeof text) ||
	    inet_pton(AF_INET, text, &sin->sin_addr) != 1)
		return false;
	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	address->len = sizeof *sin;
	return true;
}

static bool
parse_v6(struct str host, uint16_t port, struct net_address *address)
{
	struct in6_addr ip;
	char text[INET6_ADDRSTRLEN];

	if (!str_copy(host, text, sizeof text) ||
	    inet_pton(AF_INET6, text, &ip) != 1)
		return false;
	set_v6(address, &ip, port);
	return true;
}

int
net_parse(struct str text, struct net_address *address, struct fault *f)
{
	size_t colon = str_find_last(text, ':');
	struct str host = str_head(text, colon);
	uint64_t port;
	bool ok;

	memset(address, 0, sizeof *address);
	if (str_starts(text, STR_LIT("unix:")))
		return parse_unix(str_from(text, 5), address, f);
	if (colon == text.len ||
	    !str_to_u64(str_from(text, colon + 1), 0, 65535, &port))
		return not_an_address(text, f);
	if (str_is(host, STR_LIT("*"))) {
		set_v6(address, &in6addr_any, (uint16_t)port);
		return 0;
	}
	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		ok = parse_v6(
		    str_n(host.at + 1, host.len - 2), (uint16_t)port, address);
	else
		ok = parse_v4(host, (uint16_t)port, address);
	return ok ? 0 : not_an_address(text, f);
}

static bool
is_any(const struct net_address *address)
{
	const struct sockaddr_in6 *sin =
	    (const struct sockaddr_in6 *)&address->sa;

	return sin->sin6_family == AF_INET6 &&
	       memcmp(&sin->sin6_addr, &in6addr_any, sizeof in6addr_any) == 0;
}

/* The bare address of an IP socket; IPv4 in IPv6 is shown as IPv4. */
static void
format_ip(const struct sockaddr_storage *sa, char *text, size_t size)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *four = (const struct sockaddr_in *)sa;

	text[0] = '\0';
	if (sa->ss_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, text, (socklen_t)size);
	else if (sa->ss_family == AF_INET6 &&
		 IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, text,
		    (socklen_t)size);
	else if (sa->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, text, (socklen_t)size);
}

void
net_format(const struct net_address *address, char *text, size_t size)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&address->sa;
	char ip[INET6_ADDRSTRLEN];

	if (net_is_unix(address)) {
		snprintf(text, size, "unix:%s", un->sun_path);
		return;
	}
	format_ip(&address->sa, ip, sizeof ip);
	if (is_any(address))
		snprintf(text, size, "*:%u", net_port(address));
	else if (strchr(ip, ':') != NULL)
		snprintf(text, size, "[%s]:%u", ip, net_port(address));
	else
		snprintf(text, size, "%s:%u", ip, net_port(address));
}

static uint16_t
port_of(const struct sockaddr_storage *sa)
{
	if (sa->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)sa)->sin_port);
	if (sa->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)sa)->sin6_port);
	return 0;
}

uint16_t
net_port(const struct net_address *address)
{
	return port_of(&address->sa);
}

bool
net_is_same(const struct net_address *a, const struct net_address *b)
{
	return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

bool
net_is_unix(const struct net_address *address)
{
	return address->sa.ss_family == AF_UNIX;
}

/* Ten bytes of zeros, two of ones: IPv4 as the kernel shows it on an IPv6
 * socket. Both families become 16 bytes, so that they compare. */
static void
as_v6(const struct sockaddr_storage *sa, uint8_t ip[16])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *four = (const struct sockaddr_in *)sa;

	memset(ip, 0, 16);
	if (sa->ss_family == AF_INET6) {
		memcpy(ip, &six->sin6_addr, 16);
	} else {
		ip[10] = ip[11] = 0xff;
		memcpy(ip + 12, &four->sin_addr, 4);
	}
}

bool
net_is_loopback(const struct net_address *address)
{
	static const uint8_t v4[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
	uint8_t ip[16];

	if (net_is_unix(address))
		return true;
	as_v6(&address->sa, ip);
	return memcmp(ip, v4, sizeof v4) == 0 ||
	       memcmp(ip, &in6addr_loopback, 16) == 0;
}

/* As the kernel takes it for a destination: what is none is this host. */
static void
as_destination(const struct net_address *address, uint8_t ip[16])
{
	static const uint8_t any[16] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t loopback[4] = {127, 0, 0, 1};

	as_v6(&address->sa, ip);
	if (memcmp(ip, any, 16) == 0 ||
	    (memcmp(ip, any, 12) == 0 && ip[12] == loopback[0]))
		memcpy(ip + 12, loopback, sizeof loopback);
	else if (memcmp(ip, &in6addr_any, 16) == 0)
		memcpy(ip, &in6addr_loopback, 16);
}

bool
net_is_same_host(const struct net_address *a, const struct net_address *b)
{
	uint8_t x[16], y[16];

	if (net_is_unix(a) || net_is_unix(b))
		return false;
	as_destination(a, x);
	as_destination(b, y);
	return memcmp(x, y, sizeof x) == 0;
}

/* A unix socket that nobody listens at is left from a process that died. */
static void
remove_dead(const struct net_address *address)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&address->sa;
	struct stat st;
	int fd, rc;

	if (lstat(un->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	rc = connect(fd, (const struct sockaddr *)&address->sa, address->len);
	if (rc < 0 && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int
bind_unix(int fd, const struct net_address *address, mode_t mode)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&address->sa;
	int rc;

	remove_dead(address);
	rc = bind(fd, (const struct sockaddr *)&address->sa, address->len);
	if (rc < 0)
		return rc;
	/* Not through a link that somebody with rights in the folder has put
	 * in its place. */
	return fchmodat(AT_FDCWD, un->sun_path, mode, AT_SYMLINK_NOFOLLOW);
}

static int
bind_ip(int fd, const struct net_address *address)
{
	int on = 1, off = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
		return -1;
	if (address->sa.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
		is_any(address) ? &off : &on, sizeof on) < 0)
		return -1;
	return bind(fd, (const struct sockaddr *)&address->sa, address->len);
}

/* "*:25" on a host without IPv6 is all of IPv4. */
static int
open_socket(struct net_address *address)
{
	int flags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(address->sa.ss_family, flags, 0);
	uint16_t port = net_port(address);

	if (fd >= 0 || errno != EAFNOSUPPORT || !is_any(address))
		return fd;
	memset(address, 0, sizeof *address);
	parse_v4(STR_LIT("0.0.0.0"), port, address);
	return socket(AF_INET, flags, 0);
}

bool
net_parse_mode(const char *text, mode_t *mode)
{
	unsigned bits = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '7' && n < 5; n++)
		bits = bits << 3 | (unsigned)(text[n] - '0');
	*mode = (mode_t)bits;
	return n >= 3 && text[n] == '\0' && bits <= 0777;
}

int
net_listen(const struct net_address *wanted, mode_t mode, struct fault *f)
{
	struct net_address address = *wanted;
	char text[140];
	int rc, fd = open_socket(&address);

	net_format(wanted, text, sizeof text);
	if (fd < 0)
		return fault_errno(f, "cannot listen on %s", text);
	rc = net_is_unix(&address) ? bind_unix(fd, &address, mode)
				   : bind_ip(fd, &address);
	if (rc < 0 || listen(fd, BACKLOG) < 0) {
		fault_errno(f, "cannot listen on %s", text);
		close(fd);
		return -1;
	}
	return fd;
}

int
net_local(int fd, struct net_address *address, struct fault *f)
{
	memset(address, 0, sizeof *address);
	address->len = sizeof address->sa;
	if (getsockname(fd, (struct sockaddr *)&address->sa, &address->len) < 0)
		return fault_errno(f, "cannot tell a socket's address");
	return 0;
}

/* 0 when the connection is made, -1 with errno. */
static int
await_connection(int fd, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int rc, code = 0;

	loop_blocking_begin();
	do {
		int64_t left = deadline - clock_ms();

		if (left < 0)
			left = 0;
		rc = poll(&p, 1, left < 1 << 30 ? (int)left : 1 << 30);
	} while (rc < 0 && errno == EINTR);
	loop_blocking_end();
	if (rc < 0)
		return -1;
	if (rc == 0)
		code = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		return -1;
	errno = code;
	return code == 0 ? 0 : -1;
}

static void
set_nodelay(int fd)
{
	int on = 1;

	/* Replies are written whole: waiting for more only costs time. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int
net_connect(
    const struct net_address *address, int64_t deadline, struct fault *f)
{
	int flags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(address->sa.ss_family, flags, 0);
	char text[140];
	int rc;

	net_format(address, text, sizeof text);
	if (fd < 0)
		return fault_errno(f, "cannot connect to %s", text);
	rc = connect(fd, (const struct sockaddr *)&address->sa, address->len);
	/* A unix socket's full backlog is EAGAIN: poll() would not wait. */
	if (rc < 0 && errno == EINPROGRESS)
		rc = await_connection(fd, deadline);
	if (rc < 0) {
		fault_temp(f, "4.4.1", "cannot connect to %s: %s", text,
		    strerror(errno));
		close(fd);
		return -1;
	}
	if (!net_is_unix(address))
		set_nodelay(fd);
	return fd;
}

static void
fill_unix_peer(int fd, struct net_peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	peer->is_unix = true;
	snprintf(peer->address, sizeof peer->address, "unix");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		peer->uid = cred.uid;
		peer->gid = cred.gid;
	}
}

int
net_accept(int listener, struct net_peer *peer)
{
	socklen_t len = sizeof peer->sa;
	int fd;

	memset(peer, 0, sizeof *peer);
	peer->uid = (uid_t)-1;
	peer->gid = (gid_t)-1;
	fd = accept4(listener, (struct sockaddr *)&peer->sa, &len,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -1;
	if (peer->sa.ss_family == AF_UNIX) {
		fill_unix_peer(fd, peer);
		return fd;
	}
	format_ip(&peer->sa, peer->address, sizeof peer->address);
	peer->port = port_of(&peer->sa);
	set_nodelay(fd);
	return fd;
}

int
net_parse_network(struct str text, struct net_network *network, struct fault *f)
{
	struct str bits = text, host = str_cut(&bits, '/');
	struct net_address address = {0};
	uint64_t n, width;

	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = str_n(host.at + 1, host.len - 2);
	if (parse_v4(host, 0, &address))
		width = 32;
	else if (parse_v6(host, 0, &address))
		width = 128;
	else
		return fault_perm(f, "5.3.5",
		    "\"%.*s\" is no network "
		    "(192.0.2.0/24, 2001:db8::/32)",
		    STR_ARG(str_head(text, 80)));
	n = width;
	if (bits.at != NULL && !str_to_u64(bits, 0, width, &n))
		return fault_perm(f, "5.3.5",
		    "\"%.*s\": the prefix is no "
		    "number up to %u",
		    STR_ARG(str_head(text, 80)), (unsigned)width);
	network->base = address.sa;
	network->bits = (unsigned)n;
	return 0;
}

bool
net_network_has(
    const struct net_network *network, const struct sockaddr_storage *sa)
{
	unsigned bits =
	    network->bits + (network->base.ss_family == AF_INET ? 96 : 0);
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t a[16], b[16];

	if (sa->ss_family != AF_INET && sa->ss_family != AF_INET6)
		return false;
	as_v6(&network->base, a);
	as_v6(sa, b);
	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}
