/* SPDX-License-Identifier: ISC */
/* Addresses of sockets, listeners, connections, networks. */
#include "config.h"

#include "base/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

static char dir[64];

static struct net_address
parse(const char *text)
{
	struct net_address a;
	struct fault f;

	ck_assert_msg(net_parse(str(text), &a, &f) == 0, "%s", f.text);
	return a;
}

static struct net_address
in_dir(const char *name)
{
	char text[140];

	if (dir[0] == '\0') {
		snprintf(dir, sizeof dir, "/tmp/check_net.XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(dir));
	}
	snprintf(text, sizeof text, "unix:%s/%s", dir, name);
	return parse(text);
}

static const char *
path_of(const struct net_address *a)
{
	return ((const struct sockaddr_un *)&a->sa)->sun_path;
}

static int
listen_on(const struct net_address *a)
{
	struct fault f;
	int fd = net_listen(a, 0640, &f);

	ck_assert_msg(fd >= 0, "%s", f.text);
	return fd;
}

START_TEST(addresses_are_parsed_and_written_back)
{
	static const struct {
		const char *text, *written;
		uint16_t port;
		bool loopback;
	} cases[] = {
	    {"127.0.0.1:25", "127.0.0.1:25", 25, true},
	    {"127.8.9.10:0", "127.8.9.10:0", 0, true},
	    {"192.0.2.1:65535", "192.0.2.1:65535", 65535, false},
	    {"[::1]:25", "[::1]:25", 25, true},
	    {"[2001:DB8::1]:465", "[2001:db8::1]:465", 465, false},
	    {"[::ffff:127.0.0.1]:1", "127.0.0.1:1", 1, true},
	    {"*:587", "*:587", 587, false},
	    {"localhost:25", "127.0.0.1:25", 25, true},
	    {"unix:/run/x.sock", "unix:/run/x.sock", 0, true},
	};
	char text[140];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net_address a = parse(cases[i].text);

		net_format(&a, text, sizeof text);
		ck_assert_str_eq(text, cases[i].written);
		ck_assert_uint_eq(net_port(&a), cases[i].port);
		ck_assert_msg(net_is_loopback(&a) == cases[i].loopback, "%s",
		    cases[i].text);
	}
}
END_TEST

START_TEST(hosts_are_the_same_in_another_dress)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
	    {"192.0.2.1:25", "192.0.2.1:26", true},
	    {"192.0.2.1:25", "[::ffff:192.0.2.1]:25", true},
	    {"[2001:db8::1]:25", "[2001:db8:0::1]:0", true},
	    {"127.0.0.1:25", "127.9.9.9:25", true},
	    {"127.0.0.1:25", "0.0.0.0:25", true},
	    {"127.0.0.1:25", "[::ffff:0.0.0.0]:25", true},
	    {"[::1]:25", "[::]:25", true},
	    {"192.0.2.1:25", "192.0.2.2:25", false},
	    {"192.0.2.1:25", "0.0.0.0:25", false},
	    {"127.0.0.1:25", "[::1]:25", false},
	    {"127.0.0.1:25", "[::7f00:1]:25", false},
	    {"[2001:db8::1]:25", "[2001:db8::2]:25", false},
	    {"unix:/x", "127.0.0.1:25", false},
	    {"unix:/x", "unix:/x", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net_address a = parse(cases[i].a);
		struct net_address b = parse(cases[i].b);

		ck_assert_msg(net_is_same_host(&a, &b) == cases[i].same,
		    "%s %s", cases[i].a, cases[i].b);
		ck_assert_msg(net_is_same_host(&b, &a) == cases[i].same,
		    "%s %s", cases[i].b, cases[i].a);
	}
}
END_TEST

START_TEST(what_is_no_address_is_a_fault_that_shows_it)
{
	static const char *const bad[] = {"", ":", "25", ":25", "1.2.3.4",
	    "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3:25",
	    "1.2.3.4.5:25", "01.2.3.4:25", "[::1]", "::1:25", "[::1:25",
	    "[]:25", "[g::]:25", "mail.example:25", "unix:", "unix:x",
	    "unix:./x", "*", "* :25", "1.2.3.4: 25"};
	struct net_address a;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(
		    net_parse(str(bad[i]), &a, &f) == -1, "\"%s\"", bad[i]);
		ck_assert_int_eq(f.kind, FAULT_PERM);
	}
}
END_TEST

START_TEST(a_path_that_does_not_fit_a_socket_is_refused)
{
	struct net_address a;
	struct fault f;
	char text[200] = "unix:/";
	char back[140];

	memset(text + 6, 'x', 106);
	ck_assert_int_eq(net_parse(str(text), &a, &f), 0);
	net_format(&a, back, sizeof back);
	ck_assert_str_eq(back, text);
	text[112] = 'x';
	ck_assert_int_eq(net_parse(str(text), &a, &f), -1);
	ck_assert_int_eq(net_parse(STR_LIT("unix:/a\0b"), &a, &f), -1);
}
END_TEST

static void
check_connection(const struct net_address *wanted, struct net_peer *peer)
{
	int listener = listen_on(wanted), near, far;
	struct net_address bound;
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct fault f;

	ck_assert_int_eq(fcntl(listener, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(fcntl(listener, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert_int_eq(net_accept(listener, peer), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(net_local(listener, &bound, &f), 0);
	near = net_connect(&bound, clock_ms() + 5000, &f);
	ck_assert_msg(near >= 0, "%s", f.text);
	ck_assert_int_eq(fcntl(near, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	far = net_accept(listener, peer);
	ck_assert_int_ge(far, 0);
	ck_assert_int_eq(fcntl(far, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert_int_eq(fcntl(far, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(far);
	close(near);
	close(listener);
}

START_TEST(a_connection_shows_its_peer)
{
	struct net_address a = parse("127.0.0.1:0");
	struct net_peer peer;

	check_connection(&a, &peer);
	ck_assert_str_eq(peer.address, "127.0.0.1");
	ck_assert_uint_ne(peer.port, 0);
	ck_assert(!peer.is_unix);
	ck_assert(peer.uid == (uid_t)-1);
}
END_TEST

START_TEST(a_peer_over_ipv4_on_both_families_is_shown_as_ipv4)
{
	struct net_address a = parse("*:0"), bound, to;
	int listener = listen_on(&a), near, far;
	struct net_peer peer;
	struct fault f;
	char text[140];

	ck_assert_int_eq(net_local(listener, &bound, &f), 0);
	snprintf(text, sizeof text, "127.0.0.1:%u", net_port(&bound));
	to = parse(text);
	near = net_connect(&to, clock_ms() + 5000, &f);
	ck_assert_msg(near >= 0, "%s", f.text);
	far = net_accept(listener, &peer);
	ck_assert_int_ge(far, 0);
	ck_assert_str_eq(peer.address, "127.0.0.1");
	close(far);
	close(near);
	close(listener);
}
END_TEST

START_TEST(a_peer_on_a_unix_socket_has_a_user)
{
	struct net_address a = in_dir("x");
	struct net_peer peer;

	check_connection(&a, &peer);
	ck_assert(peer.is_unix);
	ck_assert_str_eq(peer.address, "unix");
	ck_assert(peer.uid == geteuid());
	ck_assert(peer.gid == getegid());
	ck_assert_int_eq(unlink(path_of(&a)), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_unix_socket_gets_its_mode)
{
	struct net_address a = in_dir("x");
	int fd;
	struct stat st;

	umask(077);
	fd = listen_on(&a);
	ck_assert_int_eq(lstat(path_of(&a), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	close(fd);
	ck_assert_int_eq(unlink(path_of(&a)), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_dead_unix_socket_is_replaced_and_a_live_one_is_not)
{
	struct net_address a = in_dir("x");
	struct fault f;
	int first = listen_on(&a), second;

	ck_assert_int_eq(net_listen(&a, 0640, &f), -1);
	ck_assert_ptr_nonnull(strstr(f.text, "in use"));
	close(first);
	second = listen_on(&a);
	close(second);
	ck_assert_int_eq(unlink(path_of(&a)), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(what_is_no_socket_is_never_removed)
{
	struct net_address a = in_dir("x");
	struct fault f;
	int fd = open(path_of(&a), O_CREAT | O_WRONLY, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(net_listen(&a, 0640, &f), -1);
	ck_assert_int_eq(access(path_of(&a), F_OK), 0);
	ck_assert_int_eq(unlink(path_of(&a)), 0);
	/* Nor is a link followed. */
	ck_assert_int_eq(symlink("/tmp/elsewhere", path_of(&a)), 0);
	ck_assert_int_eq(net_listen(&a, 0640, &f), -1);
	ck_assert_int_eq(unlink(path_of(&a)), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(nobody_there_is_a_temporary_fault_that_names_the_address)
{
	struct net_address a = parse("127.0.0.1:0"), bound, gone;
	int fd = listen_on(&a);
	struct fault f;
	char text[140];

	ck_assert_int_eq(net_local(fd, &bound, &f), 0);
	close(fd);
	ck_assert_int_eq(net_connect(&bound, clock_ms() + 5000, &f), -1);
	ck_assert_str_eq(f.dsn, "4.4.1");
	net_format(&bound, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(f.text, text));
	gone = in_dir("nothing");
	ck_assert_int_eq(net_connect(&gone, clock_ms() + 5000, &f), -1);
	ck_assert_str_eq(f.dsn, "4.4.1");
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(networks_hold_what_is_in_them)
{
	static const struct {
		const char *network, *address;
		bool has;
	} cases[] = {
	    {"192.0.2.0/24", "192.0.2.255", true},
	    {"192.0.2.0/24", "192.0.3.0", false},
	    {"192.0.2.0/24", "::ffff:192.0.2.9", true},
	    {"192.0.2.77/24", "192.0.2.1", true},
	    {"192.0.2.128/25", "192.0.2.127", false},
	    {"192.0.2.128/25", "192.0.2.200", true},
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "192.0.2.2", false},
	    {"0.0.0.0/0", "203.0.113.9", true},
	    {"0.0.0.0/0", "2001:db8::1", false},
	    {"2001:db8::/32", "2001:db8:ffff::1", true},
	    {"2001:db8::/32", "2001:db9::1", false},
	    {"2001:db8::/33", "2001:db8:8000::1", false},
	    {"[2001:db8::1]", "2001:db8::1", true},
	    {"::/0", "2001:db8::1", true},
	    {"::1", "127.0.0.1", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool six = strchr(cases[i].address, ':') != NULL;
		struct net_network network;
		struct net_address a;
		struct fault f;
		char text[80];

		snprintf(text, sizeof text, six ? "[%s]:1" : "%s:1",
		    cases[i].address);
		a = parse(text);
		ck_assert_int_eq(
		    net_parse_network(str(cases[i].network), &network, &f), 0);
		ck_assert_msg(net_network_has(&network, &a.sa) == cases[i].has,
		    "%s in %s", cases[i].address, cases[i].network);
	}
}
END_TEST

START_TEST(what_is_no_network_is_a_fault)
{
	static const char *const bad[] = {"", "/", "192.0.2.0/", "192.0.2.0/33",
	    "192.0.2/24", "2001:db8::/129", "192.0.2.0/-1", "192.0.2.0/24x",
	    "192.0.2.0/24/1", "mail.example", "unix", "192.0.2.0:25"};
	struct net_network network;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(
		    net_parse_network(str(bad[i]), &network, &f) == -1,
		    "\"%s\"", bad[i]);
}
END_TEST

START_TEST(a_mode_is_octal_and_has_no_more_than_permissions)
{
	static const struct {
		const char *text;
		bool good;
		mode_t mode;
	} cases[] = {
	    {"0660", true, 0660},
	    {"0600", true, 0600},
	    {"600", true, 0600},
	    {"666", true, 0666},
	    {"000", true, 0},
	    {"00777", true, 0777},
	    {"1777", false, 0},
	    {"01777", false, 0},
	    {"66", false, 0},
	    {"", false, 0},
	    {"0680", false, 0},
	    {"0888", false, 0},
	    {"0660x", false, 0},
	    {"0660 ", false, 0},
	    {"-660", false, 0},
	    {"066000", false, 0},
	    {"0000660", false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		mode_t mode;

		ck_assert_msg(
		    net_parse_mode(cases[i].text, &mode) == cases[i].good,
		    "\"%s\"", cases[i].text);
		if (cases[i].good)
			ck_assert_uint_eq(mode, cases[i].mode);
	}
}
END_TEST

START_TEST(net_is_same_compares_host_and_port)
{
	struct net_address a, b;
	struct fault f;

	ck_assert_int_eq(net_parse(str("127.0.0.1:24"), &a, &f), 0);
	ck_assert_int_eq(net_parse(str("127.0.0.1:24"), &b, &f), 0);
	ck_assert(net_is_same(&a, &b));
	ck_assert_int_eq(net_parse(str("127.0.0.1:25"), &b, &f), 0);
	ck_assert(!net_is_same(&a, &b));
	ck_assert_int_eq(net_parse(str("unix:/run/x.sock"), &b, &f), 0);
	ck_assert(!net_is_same(&a, &b));
}
END_TEST

UNIT_MAIN("net", net_is_same_compares_host_and_port,
    addresses_are_parsed_and_written_back, hosts_are_the_same_in_another_dress,
    what_is_no_address_is_a_fault_that_shows_it,
    a_path_that_does_not_fit_a_socket_is_refused, a_connection_shows_its_peer,
    a_peer_over_ipv4_on_both_families_is_shown_as_ipv4,
    a_peer_on_a_unix_socket_has_a_user, a_unix_socket_gets_its_mode,
    a_dead_unix_socket_is_replaced_and_a_live_one_is_not,
    what_is_no_socket_is_never_removed,
    nobody_there_is_a_temporary_fault_that_names_the_address,
    networks_hold_what_is_in_them, what_is_no_network_is_a_fault,
    a_mode_is_octal_and_has_no_more_than_permissions)
