/* SPDX-License-Identifier: ISC */
/* Which networks may be trusted. */
#include "config.h"

#include "mta/smtpd/trust.h"

#include <sys/types.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"

enum {
	TABLE_MAX = 1 << 20,
	RTF_GATEWAY_BIT = 0x2, /* of the kernel's route flags */
};

/* Where container engines put their bridge unless told otherwise. The bridge
 * may come only after us, so these are refused even where it is not there. */
static const struct {
	const char *address, *what;
} known_bridges[] = {
    {"172.17.0.1", "Docker's default bridge"},
    {"10.88.0.1", "Podman's default bridge"},
    {"10.0.2.2", "the gateway of rootless containers"},
    {"10.0.2.100", "the address of rootless containers"},
    {"192.168.122.1", "libvirt's default bridge"},
};

/* Names under which bridges for containers are known. */
static const char *const bridge_names[] = {
    "docker", "podman", "cni", "br-", "lxcbr", "lxdbr", "virbr", "nerdctl"};

static const struct {
	const char *network;
	unsigned min_bits; /* larger networks are not trusted */
} ranges[] = {
    {"127.0.0.0/8", 8},
    {"10.0.0.0/8", 8},
    {"172.16.0.0/12", 12},
    {"192.168.0.0/16", 16},
    {"169.254.0.0/16", 16},
    {"100.64.0.0/10", 10},
    {"::1/128", 128},
    /* All of IPv4 in another dress: as mapped addresses (to be written
	 * as IPv4), and behind a translator. */
    {"::ffff:0:0/96", UINT_MAX},
    {"64:ff9b::/96", 120},
    {"fc00::/7", 7},
    {"fe80::/10", 10},
    {"0.0.0.0/0", 24},
    {"::/0", 48},
};

static void FORMAT(3, 4) add_point(struct trust_facts *facts,
    const struct sockaddr_storage *sa, const char *fmt, ...)
{
	struct trust_point *p;
	va_list ap;

	if (facts->n == TRUST_POINTS_MAX)
		return;
	p = &facts->points[facts->n++];
	p->sa = *sa;
	va_start(ap, fmt);
	vsnprintf(p->what, sizeof p->what, fmt, ap);
	va_end(ap);
}

static void
set_ipv4(struct sockaddr_storage *sa, uint32_t network_order)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	in.sin_addr.s_addr = network_order;
	memset(sa, 0, sizeof *sa);
	memcpy(sa, &in, sizeof in);
}

static bool
take_hex(struct str s, uint64_t *value)
{
	*value = 0;
	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (unsigned)((c | 32) - 'a') + 10;
		else
			return false;
		*value = *value << 4 | digit;
	}
	return true;
}

/* The next word of a line whose words are split by blanks. */
static struct str
take_word(struct str *line)
{
	size_t n = 0;
	struct str word;

	*line = str_trim(*line);
	while (n < line->len && line->at[n] != ' ' && line->at[n] != '\t')
		n++;
	word = str_head(*line, n);
	*line = str_from(*line, n);
	return word;
}

void
trust_facts_add_routes4(struct trust_facts *facts, struct str table)
{
	while (table.len > 0) {
		struct str line = str_cut(&table, '\n');
		struct str name = take_word(&line);
		uint64_t destination, gateway, flags;
		struct sockaddr_storage sa;

		/* The first line is a heading, and no number. */
		if (!take_hex(take_word(&line), &destination) ||
		    !take_hex(take_word(&line), &gateway) ||
		    !take_hex(take_word(&line), &flags))
			continue;
		if (destination != 0 || (flags & RTF_GATEWAY_BIT) == 0)
			continue;
		/* The kernel prints the number as it stands in memory. */
		set_ipv4(&sa, (uint32_t)gateway);
		add_point(
		    facts, &sa, "the default gateway on %.*s", STR_ARG(name));
	}
}

static bool
take_ipv6(struct str hex, struct sockaddr_storage *sa)
{
	struct sockaddr_in6 in = {.sin6_family = AF_INET6};

	if (hex.len != 32)
		return false;
	for (size_t i = 0; i < 16; i++) {
		uint64_t byte;

		if (!take_hex(str_n(hex.at + 2 * i, 2), &byte))
			return false;
		in.sin6_addr.s6_addr[i] = (uint8_t)byte;
	}
	memset(sa, 0, sizeof *sa);
	memcpy(sa, &in, sizeof in);
	return true;
}

void
trust_facts_add_routes6(struct trust_facts *facts, struct str table)
{
	while (table.len > 0) {
		struct str line = str_cut(&table, '\n');
		struct str word[10];
		struct sockaddr_storage sa;
		uint64_t flags;

		/* destination bits source bits gateway metric count use flags
		 * interface */
		for (size_t i = 0; i < ARRAY_LEN(word); i++)
			word[i] = take_word(&line);
		if (!str_is(word[1], STR_LIT("00")) ||
		    !take_ipv6(word[4], &sa) || !take_hex(word[8], &flags) ||
		    (flags & RTF_GATEWAY_BIT) == 0)
			continue;
		add_point(facts, &sa, "the default gateway on %.*s",
		    STR_ARG(word[9]));
	}
}

void
trust_facts_init(struct trust_facts *facts)
{
	struct sockaddr_storage sa;
	struct in_addr in;

	facts->n = 0;
	for (size_t i = 0; i < ARRAY_LEN(known_bridges); i++) {
		if (inet_pton(AF_INET, known_bridges[i].address, &in) != 1)
			continue;
		set_ipv4(&sa, in.s_addr);
		add_point(facts, &sa, "%s", known_bridges[i].what);
	}
}

static void
add_file(struct trust_facts *facts, const char *path,
    void (*add)(struct trust_facts *facts, struct str table))
{
	struct buf b;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	buf_init(&b, TABLE_MAX);
	for (;;) {
		size_t room;
		char *at = buf_space(&b, 4096, &room);
		ssize_t got = at == NULL ? 0 : read(fd, at, room);

		if (got <= 0)
			break;
		buf_added(&b, (size_t)got);
	}
	close(fd);
	add(facts, buf_str(&b));
	buf_clear(&b);
}

static bool
is_bridge(const char *name)
{
	char path[64];

	for (size_t i = 0; i < ARRAY_LEN(bridge_names); i++)
		if (str_starts(str(name), str(bridge_names[i])))
			return true;
	snprintf(path, sizeof path, "/sys/class/net/%.20s/bridge", name);
	return access(path, F_OK) == 0;
}

static void
add_bridges(struct trust_facts *facts)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		struct sockaddr_storage sa = {0};
		socklen_t len;

		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			len = sizeof(struct sockaddr_in);
		else if (i->ifa_addr->sa_family == AF_INET6)
			len = sizeof(struct sockaddr_in6);
		else
			continue;
		if (!is_bridge(i->ifa_name))
			continue;
		memcpy(&sa, i->ifa_addr, len);
		add_point(facts, &sa, "the bridge %.40s", i->ifa_name);
	}
	freeifaddrs(all);
}

void
trust_facts_read(struct trust_facts *facts)
{
	trust_facts_init(facts);
	add_file(facts, "/proc/net/route", trust_facts_add_routes4);
	add_file(facts, "/proc/net/ipv6_route", trust_facts_add_routes6);
	add_bridges(facts);
}

/* How many bits a network with this base must have at least. */
static unsigned
min_bits(const struct net_network *network)
{
	struct net_network range;
	struct fault ignored;

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		if (net_parse_network(
			str(ranges[i].network), &range, &ignored) < 0)
			continue;
		/* A network larger than the range is not within it, though
		 * its base may be. */
		if (network->base.ss_family == range.base.ss_family &&
		    network->bits >= range.bits &&
		    net_network_has(&range, &network->base))
			return ranges[i].min_bits;
	}
	return 128;
}

static void
format_sockaddr(const struct sockaddr_storage *sa, char text[INET6_ADDRSTRLEN])
{
	const void *at =
	    sa->ss_family == AF_INET6
		? (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr
		: (const void *)&((const struct sockaddr_in *)sa)->sin_addr;

	if (inet_ntop(sa->ss_family, at, text, INET6_ADDRSTRLEN) == NULL)
		text[0] = '\0';
}

int
trust_parse(struct str text, const struct trust_facts *facts,
    struct net_network *network, struct fault *f)
{
	if (net_parse_network(text, network, f) < 0)
		return -1;
	if (network->bits < min_bits(network))
		return fault_perm(f, "5.7.1",
		    "relay_from %.*s: this is too large to be one's own "
		    "network: everyone in it could send mail through us",
		    (int)(text.len > 60 ? 60 : text.len), text.at);
	for (size_t i = 0; i < facts->n; i++) {
		char at[INET6_ADDRSTRLEN];

		if (!net_network_has(network, &facts->points[i].sa))
			continue;
		format_sockaddr(&facts->points[i].sa, at);
		return fault_perm(f, "5.7.1",
		    "relay_from %.*s: it includes %s, %s: clients from "
		    "outside may come with that address, and everyone could "
		    "send mail through us",
		    (int)(text.len > 60 ? 60 : text.len), text.at, at,
		    facts->points[i].what);
	}
	return 0;
}

bool
trust_has(
    const struct net_network *networks, size_t n, const struct net_peer *peer)
{
	if (peer->is_unix)
		return false;
	for (size_t i = 0; i < n; i++)
		if (net_network_has(&networks[i], &peer->sa))
			return true;
	return false;
}
