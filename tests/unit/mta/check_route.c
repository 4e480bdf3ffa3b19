/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/route.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mta/queued_options.h"
#include "tests/unit/mta/maps.h"

/* Both maps of the tests. */
static const struct map_entry entries[] = {
    {"domain", "local.example", SOCKETMAP_OK, "local.example"},
    {"domain", "ill.example", SOCKETMAP_TEMP, "the database is ill"},
    {"transport", "one@mapped.example", SOCKETMAP_OK, "discard:"},
    {"transport", "mapped.example", SOCKETMAP_OK, "smtp:[hub.example]:26"},
    {"transport", ".mapped.example", SOCKETMAP_OK, "smtp:other.example"},
    {"transport", "same.example", SOCKETMAP_OK, ":"},
    {"transport", "odd.example", SOCKETMAP_OK, "pigeon:coop"},
    {"transport", "ill-map.example", SOCKETMAP_TEMP, "the map is ill"},
    {"transport", "gone.example", SOCKETMAP_OK, "error:5.1.2 gone"},
    {"transport", "ruled.example", SOCKETMAP_OK, "discard:"},
    {NULL, NULL, SOCKETMAP_OK, NULL},
};

static struct peer maps;
static struct conf *conf;
static struct routes *routes;
static char file[128], secret[128];

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert(f != NULL);
	fputs(text, f);
	fclose(f);
}

/* Sections from the second line on; false with the fault. */
static bool
read_routes(const char *sections, struct fault *f)
{
	static const struct conf_table *const known[] = {&queued_table};
	struct routes_conf rc = {.run_dir = maps.dir};
	char text[4000];

	snprintf(file, sizeof file, "%s/conf", maps.dir);
	snprintf(secret, sizeof secret, "%s/secret", maps.dir);
	snprintf(text, sizeof text,
	    "queued { socketmap = \"%s\" transport_map = \"%s\"\n%s\n}\n",
	    maps.address, maps.address, sections);
	write_file(file, text);
	conf = conf_read(file, known, ARRAY_LEN(known), true, f);
	if (conf == NULL)
		return false;
	rc.options = conf_get(conf, &queued_table);
	routes = routes_new(&rc, f);
	return routes != NULL;
}

static void
set_up(const char *sections)
{
	struct fault f;

	peer_start(&maps, serve_maps, (void *)(uintptr_t)entries);
	ck_assert_msg(read_routes(sections, &f), "%s", f.text);
}

static void
tear_down(void)
{
	routes_free(&routes);
	conf_free(&conf);
	unlink(file);
	unlink(secret);
	peer_clear(&maps);
}

static int
find(const char *from, const char *to, struct route *route, struct fault *f)
{
	struct address sender = {.host = ADDRESS_NO_HOST}, rcpt;

	if (from[0] != '\0')
		ck_assert_int_eq(address_parse(str(from), &sender, f), 0);
	ck_assert_int_eq(address_parse(str(to), &rcpt, f), 0);
	return routes_find(routes, &sender, &rcpt, route, f);
}

/* What was decided, and by whom; the fault's text where nothing was. */
static const char *
shown(const char *from, const char *to)
{
	static char text[800];
	static const char *const levels[] = {
	    "none", "may", "encrypt", "verify"};
	struct route r;
	struct fault f;
	char lmtp[140] = "";
	const char *line;

	if (find(from, to, &r, &f) < 0) {
		ck_assert_int_eq(f.kind, FAULT_TEMP);
		snprintf(text, sizeof text, "%s %s", f.dsn, f.text);
		return text;
	}
	if (r.kind == ROUTE_LMTP)
		net_format(&r.lmtp, lmtp, sizeof lmtp);
	line = strrchr(r.where, ':');
	snprintf(text, sizeof text, "%d %s%s%s:%u %s [%s%s]", r.kind, r.host,
	    r.kind == ROUTE_ERROR ? r.fault.text : "",
	    strrchr(lmtp, '/') != NULL ? strrchr(lmtp, '/') : lmtp, r.port,
	    levels[r.tls], r.rule, line != NULL ? line : "");
	return text;
}

struct finding {
	const char *from, *to, *route;
};

static void
check_findings(const struct finding *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *got = shown(cases[i].from, cases[i].to);

		ck_assert_msg(strcmp(got, cases[i].route) == 0,
		    "from <%s> to <%s>: %s, not %s", cases[i].from, cases[i].to,
		    got, cases[i].route);
	}
}

START_TEST(the_first_that_says_something_wins)
{
	static const struct finding cases[] = {
	    {"", "a@ruled.example",
		"1 hub.example:587 may "
		"[route \"ruled.example\":2]"},
	    {"", "Vip@Ruled.example",
		"1 vip.example:0 may "
		"[route \"vip@ruled.example\":3]"},
	    {"", "a@x.ruled.example",
		"3 not here:0 may [route \".ruled.example\":4]"},
	    {"", "a@x.y.ruled.example",
		"3 not here:0 may [route \".ruled.example\":4]"},
	    /* The sender's come first. */
	    {"boss@us.example", "vip@ruled.example",
		"1 boss.example:0 may [route \"boss@us.example\":5]"},
	    {"ann@us.example", "vip@ruled.example",
		"1 vip.example:0 may [route \"vip@ruled.example\":3]"},
	    {"", "boss@us.example", "0 us.example:0 may [MX]"},
	    /* Then the map. */
	    {"", "a@mapped.example", "1 hub.example:26 may [transport map]"},
	    {"", "one@mapped.example", "4 :0 may [transport map]"},
	    {"", "a@x.mapped.example", "0 other.example:0 may [transport map]"},
	    {"", "a@gone.example", "3 gone:0 may [transport map]"},
	    {"", "a@same.example", "0 same.example:0 may [MX]"},
	    {"", "a@odd.example",
		"4.3.5 transport map: there is no transport \"pigeon:coop\""},
	    {"", "a@ill-map.example", "4.3.5 transport map: the map is ill"},
	    /* Then local domains. */
	    {"", "a@LOCAL.example", "2 /lmtp.sock:0 may [local domain]"},
	    {"", "a@ill.example",
		"4.3.0 the directory is not available: the database is ill"},
	    /* Else MX; how, says who does not say where. */
	    {"", "a@else.example", "0 else.example:0 may [MX]"},
	    {"", "a@b\303\274cher.example",
		"0 xn--bcher-kva.example:0 may [MX]"},
	    {"", "a@bank.example", "0 bank.example:0 verify [MX]"},
	    {"", "a@[192.0.2.1]", "0 [192.0.2.1]:0 may [MX]"},
	};

	set_up("route \"ruled.example\" { to = \"smtp:hub.example:587\" }\n"
	       "route \"vip@ruled.example\" { to = \"smtp:vip.example\" }\n"
	       "route \".ruled.example\" { to = \"error:5.1.2 not here\" }\n"
	       "route \"boss@us.example\" { by_sender = on\n"
	       "    to = \"smtp:boss.example\" }\n"
	       "route \"bank.example\" { tls = verify }\n");
	check_findings(cases, ARRAY_LEN(cases));
	tear_down();
}
END_TEST

START_TEST(a_smarthost_takes_what_is_for_elsewhere)
{
	static const struct finding cases[] = {
	    {"", "a@else.example", "1 hub.example:587 encrypt [smarthost]"},
	    {"", "a@bank.example", "1 hub.example:587 verify [smarthost]"},
	    {"", "a@local.example", "2 /lmtp.sock:0 encrypt [local domain]"},
	    {"", "a@backup.example",
		"0 backup.example:0 none [route \"backup.example\":4]"},
	};

	set_up("smarthost = \"hub.example:587\" tls = encrypt\n"
	       "route \"bank.example\" { tls = verify }\n"
	       "route \"backup.example\" { to = mx tls = none }\n");
	check_findings(cases, ARRAY_LEN(cases));
	tear_down();
}
END_TEST

START_TEST(a_star_is_for_all_that_has_no_better_rule)
{
	static const struct finding cases[] = {
	    {"", "a@else.example", "1 hub.example:0 verify [route \"*\":2]"},
	    {"", "a@local.example", "1 hub.example:0 verify [route \"*\":2]"},
	    {"", "a@bank.example", "1 hub.example:0 none [route \"*\":2]"},
	};

	set_up("route \"*\" { to = \"smtp:hub.example\" tls = verify }\n"
	       "route \"bank.example\" { tls = none }\n");
	check_findings(cases, ARRAY_LEN(cases));
	tear_down();
}
END_TEST

START_TEST(passwords_are_read_again)
{
	struct route before, after;
	struct fault f;
	char sections[400];

	peer_start(&maps, serve_maps, (void *)(uintptr_t)entries);
	snprintf(sections, sizeof sections,
	    "route \"*\" { to = \"smtp:hub.example\" auth_user = ann\n"
	    "password_file = \"secret\" }\n");
	snprintf(secret, sizeof secret, "%s/secret", maps.dir);
	write_file(secret, "first word\n");
	ck_assert_msg(read_routes(sections, &f), "%s", f.text);
	ck_assert_int_eq(find("", "a@b.example", &before, &f), 0);
	ck_assert_str_eq(before.user, "ann");
	ck_assert_str_eq(before.password, "first word");
	write_file(secret, "second\r\n");
	ck_assert_int_eq(routes_reload(routes, &f), 0);
	ck_assert_int_eq(find("", "a@b.example", &after, &f), 0);
	ck_assert_str_eq(after.password, "second");
	/* Somebody may be logging in with it. */
	ck_assert_str_eq(before.password, "first word");
	write_file(secret, "\n");
	ck_assert_int_eq(routes_reload(routes, &f), -1);
	ck_assert_msg(strstr(f.text, "conf:2: ") != NULL, "%s", f.text);
	ck_assert_msg(strstr(f.text, secret) != NULL, "%s", f.text);
	ck_assert_int_eq(find("", "a@b.example", &after, &f), 0);
	ck_assert_str_eq(after.password, "second");
	tear_down();
}
END_TEST

START_TEST(a_map_that_is_down_delays_mail)
{
	struct route route;
	struct fault f;

	set_up("");
	peer_stop(&maps);
	ck_assert_int_eq(find("", "a@b.example", &route, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	tear_down();
}
END_TEST

START_TEST(mistakes_are_found_when_the_file_is_read)
{
	static const struct {
		const char *sections, *word;
		unsigned line;
	} bad[] = {
	    {"\nroute \"a..b\" {\n to = mx\n}", "a..b", 3},
	    {"route \"*\" { to = pigeon }", "pigeon", 2},
	    {"\n\nroute \"*\" {\n\n to = \"smtp:a:x\" }", "a:x", 4},
	    {"route \"*\" { auth_user = a }", "without to", 2},
	    {"route \"*\" { to = mx auth_user = a password_file = b }",
		"smtp:HOST", 2},
	    {"route \"*\" { to = \"smtp:a\" auth_user = a }", "need each other",
		2},
	    {"route \"*\" { to = \"smtp:a\" password_file = b }",
		"need each other", 2},
	    {"route \"*\" { to = \"smtp:a\" auth_user = a password_file = b "
	     "tls = none }",
		"show the password", 2},
	    {"route \"*\" { to = \"smtp:a\" auth_user = a "
	     "password_file = nonexistent }",
		"nonexistent", 2},
	    {"route \"*\" { to = discard implicit_tls = on }", "implicit_tls",
		2},
	    {"route \"a.example\" { }\nroute \"A.example\" { }", "the same", 0},
	    {"smarthost = \"a b\"", "smarthost", 0},
	};

	peer_start(&maps, serve_maps, (void *)(uintptr_t)entries);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fault f = {.text = ""};
		char place[200];

		ck_assert_msg(!read_routes(bad[i].sections, &f), "taken: %s",
		    bad[i].sections);
		snprintf(place, sizeof place, "%s:", file);
		if (bad[i].line > 0)
			snprintf(
			    place, sizeof place, "%s:%u: ", file, bad[i].line);
		ck_assert_msg(strstr(f.text, bad[i].word) != NULL &&
				  str_starts(str(f.text), str(place)),
		    "%s: %s", bad[i].sections, f.text);
		conf_free(&conf);
	}
	tear_down();
}
END_TEST

UNIT_MAIN("route", the_first_that_says_something_wins,
    a_smarthost_takes_what_is_for_elsewhere,
    a_star_is_for_all_that_has_no_better_rule, passwords_are_read_again,
    a_map_that_is_down_delays_mail, mistakes_are_found_when_the_file_is_read)
