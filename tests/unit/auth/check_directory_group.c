/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_group.h"

#include <stdio.h>

#include "auth/directory.h"
#include "base/arena.h"
#include "tests/unit/auth/place.h"

/* What a call that must fail has said. */
#define ck_assert_fault(call, code)                                 \
	do {                                                        \
		ck_assert_msg((call) == -1, "%s went well", #call); \
		ck_assert_str_eq(f.dsn, code);                      \
		ck_assert_int_eq(f.kind, FAULT_PERM);               \
		ck_assert_str_ne(f.text, "");                       \
	} while (0)

static struct directory *d;
static struct fault f; /* of the last call */
static struct directory_group g;

/* A group as one makes it, for set() and add(). */
static struct directory_group *
group(const char *name)
{
	memset(&g, 0, sizeof g);
	snprintf(g.name, sizeof g.name, "%s", name);
	snprintf(g.owners, sizeof g.owners, "ann@example.org");
	return &g;
}

static void
add_group(const char *name)
{

	ck_assert_msg(
	    directory_group_add(d, group(name), &f) == 0, "%s", f.text);
}

/* members are split by blanks. */
static void
add_members(const char *name, const char *members)
{
	struct str list[8], rest = str(members);
	size_t n = 0;
	int rc;

	while (rest.len > 0)
		list[n++] = str_cut(&rest, ' ');
	rc = directory_group_add_members(d, str(name), list, n, &f);
	ck_assert_msg(rc == 0, "%s", f.text);
}

static int
add_member(const char *name, const char *member)
{
	struct str one = str(member);

	return directory_group_add_members(d, str(name), &one, 1, &f);
}

static void
begin(void)
{
	d = new_directory();
	add_domain(d, "example.org");
	add_domain(d, "sister.example");
	add_user(d, "ann@example.org", NULL);
	add_user(d, "bob@example.org", NULL);
	add_user(d, "sue@sister.example", NULL);
	add_group("team@example.org");
}

static void
assert_mailboxes(const char *name, const char *after, const char *want)
{
	struct buf b;
	int rc;

	buf_init(&b, 1 << 20);
	rc = directory_group_mailboxes(d, str(name), str(after), &b, &f);
	ck_assert_msg(rc == (want[0] != '\0'), "%d %s", rc, f.text);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
}

static void
assert_resolves(const char *address, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	ck_assert_int_ge(directory_resolve(d, str(address), &b, &f), 0);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
}

START_TEST(a_group_is_kept_with_its_settings)
{

	begin();
	group("Crew@Example.org");
	g.posters = POSTERS_NAMED;
	g.rewrites_from = g.verp = true;
	strcpy(g.title, "The Cr\xc3\xa9w = all");
	strcpy(g.list_id, "Crew.Lists.Example.org");
	strcpy(g.unsubscribe, "https://example.org/bye?x=1");
	strcpy(g.owners, "Ann@example.org jane@far.example ann@example.org");
	strcpy(g.named, "@far.example ANN@example.org");
	ck_assert_msg(directory_group_add(d, &g, &f) == 0, "%s", f.text);
	directory_close(&d);
	d = open_directory();
	memset(&g, 0xff, sizeof g);
	ck_assert_int_eq(
	    directory_group_get(d, str("CREW@example.org"), &g, &f), 1);
	ck_assert_str_eq(g.name, "crew@example.org");
	ck_assert_int_eq(g.posters, POSTERS_NAMED);
	ck_assert(g.rewrites_from);
	ck_assert(g.verp);
	ck_assert_str_eq(g.title, "The Cr\xc3\xa9w = all");
	ck_assert_str_eq(g.list_id, "crew.lists.example.org");
	ck_assert_str_eq(g.unsubscribe, "https://example.org/bye?x=1");
	ck_assert_str_eq(g.owners, "ann@example.org jane@far.example");
	ck_assert_str_eq(g.named, "@far.example ann@example.org");
	ck_assert_int_eq(
	    directory_group_get(d, str("team@example.org"), &g, &f), 1);
	ck_assert_str_eq(g.list_id, "team.example.org");
	ck_assert_int_eq(g.posters, POSTERS_MEMBERS);
	ck_assert(!g.rewrites_from);
	ck_assert(!g.verp);
	ck_assert_int_eq(
	    directory_group_get(d, str("none@example.org"), &g, &f), 0);
	end_directory(&d);
}
END_TEST

START_TEST(a_group_can_be_changed_and_leaves_with_its_members)
{

	begin();
	add_members("team@example.org", "ann@example.org bob@example.org");
	add_group("teams@example.org");
	add_members("teams@example.org", "bob@example.org");
	group("team@example.org");
	g.posters = POSTERS_ANYONE;
	ck_assert_int_eq(directory_group_set(d, &g, &f), 0);
	ck_assert_int_eq(
	    directory_group_get(d, str("team@example.org"), &g, &f), 1);
	ck_assert_int_eq(g.posters, POSTERS_ANYONE);
	assert_mailboxes(
	    "team@example.org", "", "ann@example.org bob@example.org");
	ck_assert_int_eq(
	    directory_group_del(d, str("TEAM@example.org"), &f), 0);
	ck_assert_fault(
	    directory_group_del(d, str("team@example.org"), &f), "5.1.1");
	ck_assert_fault(
	    directory_group_set(d, group("team@example.org"), &f), "5.1.1");
	assert_mailboxes("team@example.org", "", "");
	add_group("team@example.org");
	assert_mailboxes("team@example.org", "", "");
	assert_mailboxes("teams@example.org", "", "bob@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(users_aliases_and_groups_share_their_names)
{
	struct str target = STR_LIT("bob@example.org");

	begin();
	add_alias(d, "sales@example.org", "ann@example.org");
	ck_assert_fault(
	    directory_group_add(d, group("ann@example.org"), &f), "5.1.0");
	ck_assert_fault(
	    directory_group_add(d, group("sales@example.org"), &f), "5.1.0");
	ck_assert_fault(
	    directory_group_add(d, group("Team@example.org"), &f), "5.1.0");
	ck_assert_fault(
	    directory_group_add(d, group("team@other.example"), &f), "5.1.2");
	ck_assert_fault(
	    directory_user_add(d, str("team@example.org"), NULL, &f), "5.1.0");
	ck_assert_fault(
	    directory_alias_add(d, str("team@example.org"), &target, 1, &f),
	    "5.1.0");
	end_directory(&d);
}
END_TEST

START_TEST(a_domain_with_a_group_is_kept)
{

	begin();
	add_domain(d, "lists.example");
	add_group("x@lists.example");
	ck_assert_fault(
	    directory_domain_del(d, str("lists.example"), &f), "5.1.0");
	ck_assert_int_eq(directory_group_del(d, str("x@lists.example"), &f), 0);
	ck_assert_int_eq(directory_domain_del(d, str("lists.example"), &f), 0);
	end_directory(&d);
}
END_TEST

START_TEST(a_bad_group_is_refused)
{
	static const char *const names[] = {"owner-x@example.org",
	    "x-owner@example.org", "x-request@example.org", "x+y@example.org",
	    "caf\xc3\xa9@example.org", "@example.org", "x",
	    ("a12345678901234567890123456789012345678901234567890123456@"
	     "example.org")};
	static const char *const ids[] = {
	    "one", ".a.b", "a..b", "a.b.", "a b.c", "<a.b>", "a.caf\xc3\xa9"};
	static const char *const uris[] = {"example.org", "ftp://x",
	    "https://a b", "https://a>,<b", "javascript:x", "https://a\r\nX:"};
	static const char *const owners[] = {
	    "", "@example.org", "team@example.org", "|cmd", "x"};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_fault(
		    directory_group_add(d, group(names[i]), &f), "5.1.3");
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		strcpy(group("x@example.org")->list_id, ids[i]);
		ck_assert_fault(directory_group_add(d, &g, &f), "5.5.4");
	}
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		strcpy(group("x@example.org")->unsubscribe, uris[i]);
		ck_assert_fault(directory_group_add(d, &g, &f), "5.5.4");
	}
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {

		strcpy(group("x@example.org")->owners, owners[i]);
		ck_assert_int_eq(directory_group_add(d, &g, &f), -1);
	}
	strcpy(group("x@example.org")->owners, "x@example.org");
	ck_assert_fault(directory_group_add(d, &g, &f), "5.4.6");
	strcpy(group("x@example.org")->title, "two\nlines");
	ck_assert_fault(directory_group_add(d, &g, &f), "5.5.4");
	group("x@example.org")->posters = POSTERS_NAMED;
	ck_assert_fault(directory_group_add(d, &g, &f), "5.5.4");
	end_directory(&d);
}
END_TEST

START_TEST(programs_and_files_are_refused_with_words_of_their_own)
{
	static const struct {
		const char *target, *said;
	} cases[] = {
	    {"|/bin/x", "programs"},
	    {"\"|x y\"@example.org", "programs"},
	    {"/var/mail/x", "files"},
	    {":include:/etc/list", "make a group"},
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str target = str(cases[i].target);

		ck_assert_int_eq(directory_alias_add(
				     d, str("al@example.org"), &target, 1, &f),
		    -1);
		ck_assert_str_eq(f.dsn, "5.1.3");
		ck_assert_msg(
		    strstr(f.text, cases[i].said) != NULL, "%s", f.text);
		ck_assert_int_eq(
		    add_member("team@example.org", cases[i].target), -1);
		ck_assert_str_eq(f.dsn, "5.1.3");
		ck_assert_msg(
		    strstr(f.text, cases[i].said) != NULL, "%s", f.text);
	}
	assert_mailboxes("team@example.org", "", "");
	end_directory(&d);
}
END_TEST

START_TEST(members_are_added_once_and_removed)
{
	struct str two[] = {
	    STR_LIT("BOB@example.org"), STR_LIT("jane@far.example")};

	begin();
	add_members("team@example.org",
	    "bob@example.org Jane@Far.example bob@example.org");
	add_members("team@example.org", "bob@example.org");
	assert_mailboxes(
	    "team@example.org", "", "bob@example.org jane@far.example");
	ck_assert_int_eq(
	    directory_group_del_members(d, str("team@example.org"), two, 2, &f),
	    0);
	assert_mailboxes("team@example.org", "", "");
	ck_assert_fault(
	    directory_group_del_members(d, str("team@example.org"), two, 1, &f),
	    "5.1.1");
	ck_assert_fault(
	    directory_group_del_members(d, str("no@example.org"), two, 1, &f),
	    "5.1.1");
	ck_assert_fault(
	    add_member("no@example.org", "ann@example.org"), "5.1.1");
	ck_assert_fault(
	    add_member("team@example.org", "team@example.org"), "5.4.6");
	ck_assert_fault(
	    add_member("team@example.org", "@far.example"), "5.1.2");
	ck_assert_fault(add_member("team@example.org", "x y"), "5.1.3");
	end_directory(&d);
}
END_TEST

START_TEST(members_are_expanded_to_the_end)
{

	begin();
	add_user(d, "carl@example.org", NULL);
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("carl@example.org"), true, &f),
	    0);
	add_alias(d, "sales@example.org", "bob@example.org jo@far.example");
	add_group("inner@example.org");
	add_members("inner@example.org",
	    "@sister.example sales@example.org ann+x@example.org");
	add_members("team@example.org",
	    "inner@example.org carl@example.org gone@example.org "
	    "sue@sister.example");
	assert_mailboxes("team@example.org", "",
	    "ann+x@example.org bob@example.org jo@far.example "
	    "sue@sister.example");
	assert_mailboxes("team@example.org", "bob@example.org",
	    "jo@far.example sue@sister.example");
	assert_mailboxes("team@example.org", "c",
	    "jo@far.example "
	    "sue@sister.example");
	assert_mailboxes("team@example.org", "sue@sister.example", "");
	end_directory(&d);
}
END_TEST

START_TEST(groups_within_each_other_end)
{
	begin();
	add_group("a@example.org");
	add_group("b@example.org");
	add_members("a@example.org", "b@example.org ann@example.org");
	add_members("b@example.org", "a@example.org bob@example.org");
	assert_mailboxes(
	    "a@example.org", "", "ann@example.org bob@example.org");
	assert_mailboxes(
	    "b@example.org", "", "ann@example.org bob@example.org");
	add_group("c@example.org");
	add_group("e@example.org");
	add_members("c@example.org", "e@example.org");
	add_members("e@example.org", "c@example.org");
	assert_mailboxes("c@example.org", "", "");
	end_directory(&d);
}
END_TEST

START_TEST(mailboxes_come_by_pieces_without_a_gap)
{
	char after[64] = "", name[64];
	struct str members[500];
	struct arena arena = {0};
	size_t n = 0, pieces = 0;
	struct buf b;

	begin();
	for (size_t i = 0; i < 500; i++)
		members[i] = str(
		    arena_putf(&arena, "u%zu@far.example", (i * 7919) % 500));
	ck_assert_int_eq(directory_group_add_members(
			     d, str("team@example.org"), members, 500, &f),
	    0);
	buf_init(&b, 1000);
	while (directory_group_mailboxes(
		   d, str("team@example.org"), str(after), &b, &f) > 0) {
		struct str rest = buf_str(&b);

		for (pieces++; rest.len > 0; n++) {
			ck_assert(
			    str_copy(str_cut(&rest, ' '), name, sizeof name));
			ck_assert_msg(strcmp(name, after) > 0, "%s after %s",
			    name, after);
			strcpy(after, name);
		}
	}
	ck_assert_uint_eq(n, 500);
	ck_assert_uint_gt(pieces, 8);
	buf_clear(&b);
	arena_clear(&arena);
	end_directory(&d);
}
END_TEST

START_TEST(a_group_has_a_bound)
{
	enum { STEP = 1000 };
	static struct str members[STEP];
	struct arena arena = {0};

	begin();
	for (size_t k = 0; k < DIRECTORY_MEMBERS_MAX / STEP / 2; k++) {
		for (size_t i = 0; i < STEP; i++)
			members[i] = str(arena_putf(
			    &arena, "u%zu@far.example", k * STEP + i));
		ck_assert_msg(
		    directory_group_add_members(
			d, str("team@example.org"), members, STEP, &f) == 0,
		    "%s", f.text);
		for (size_t i = 0; i < STEP; i++)
			members[i] = str(arena_putf(
			    &arena, "v%zu@far.example", k * STEP + i));
		if (k == 0)
			add_group("other@example.org");
		ck_assert_msg(
		    directory_group_add_members(
			d, str("other@example.org"), members, STEP, &f) == 0,
		    "%s", f.text);
	}
	/* Five thousand each: together they are as many as a group has. */
	add_members("team@example.org", "other@example.org");
	ck_assert_fault(
	    add_member("team@example.org", "ann@example.org"), "5.1.3");
	ck_assert_int_eq(add_member("other@example.org", "u1@far.example"), 0);
	/* The other way round it shows when mail comes. */
	add_members("other@example.org", "ann@example.org");
	{
		struct buf b;

		buf_init(&b, 1 << 20);
		ck_assert_fault(directory_group_mailboxes(d,
				    str("team@example.org"), str(""), &b, &f),
		    "5.2.4");
		ck_assert_uint_eq(buf_len(&b), 0);
		buf_clear(&b);
	}
	arena_clear(&arena);
	end_directory(&d);
}
END_TEST

START_TEST(a_recipient_is_a_group_by_its_mark)
{
	begin();
	add_members("team@example.org", "bob@example.org");
	add_alias(d, "all@example.org", "team@example.org bob@example.org");
	add_alias(d, "@example.org", "bob@example.org");
	assert_resolves("Team@Example.org", "group:team@example.org");
	assert_resolves(
	    "all@example.org", "group:team@example.org bob@example.org");
	/* A group has no sub-addresses. */
	assert_resolves("team+x@example.org", "bob@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(owners_have_addresses)
{
	static const char *const forms[] = {"owner-team@example.org",
	    "TEAM-owner@example.org", "team-request@example.org",
	    "owner-team+jane=far.example@example.org"};
	struct buf b;

	begin();
	strcpy(group("team@example.org")->owners,
	    "ann@example.org jo@far.example");
	ck_assert_int_eq(directory_group_set(d, &g, &f), 0);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		assert_resolves(forms[i], "ann@example.org jo@far.example");
	assert_resolves("owner-none@example.org", "");
	assert_resolves("owner-ann@example.org", "");
	assert_resolves("owner-@example.org", "");
	/* A record of the very name goes before. */
	add_alias(d, "owner-team@example.org", "bob@example.org");
	assert_resolves("owner-team@example.org", "bob@example.org");
	buf_init(&b, 1000);
	ck_assert_int_eq(
	    directory_senders(d, str("team@example.org"), &b, &f), 1);
	ck_assert_str_eq(buf_text(&b), "ann@example.org");
	buf_clear(&b);
	end_directory(&d);
}
END_TEST

static void
assert_post(const char *sender, const char *login, bool trusted, bool may)
{
	const struct directory_poster who = {
	    .sender = str(sender), .login = str(login), .trusted = trusted};
	int rc = directory_group_may_post(d, str("team@example.org"), &who, &f);

	ck_assert_msg(rc == (may ? 1 : -1), "%s: %d %s", sender, rc, f.text);
	if (!may) {
		ck_assert_str_eq(f.dsn, "5.7.2");
		ck_assert_int_eq(f.kind, FAULT_PERM);
	}
}

static void
set_posters(enum directory_posters posters, const char *named)
{

	group("team@example.org")->posters = posters;
	strcpy(g.named, named);
	ck_assert_msg(directory_group_set(d, &g, &f) == 0, "%s", f.text);
}

START_TEST(members_may_send)
{
	begin();
	add_alias(d, "info@example.org", "bob@example.org");
	add_group("inner@example.org");
	add_members("inner@example.org", "jo@far.example @sister.example");
	add_members("team@example.org", "info@example.org inner@example.org");
	assert_post("jo@far.example", NULL, false, true);
	assert_post("Jo+work@Far.example", NULL, false, true);
	assert_post("jane@far.example", NULL, false, false);
	assert_post("", NULL, false, false);
	assert_post("", "bob@example.org", true, false);
	assert_post("bob@example.org", "bob@example.org", true, true);
	assert_post("info@example.org", NULL, true, true);
	assert_post("sue@sister.example", "sue@sister.example", true, true);
	/* By another address of the login's. */
	assert_post("shop@example.org", "bob@example.org", true, true);
	/* Owners need not be members. */
	assert_post("ann@example.org", "ann@example.org", true, true);
	/* Who says so, without being believed. */
	assert_post("bob@example.org", NULL, false, false);
	assert_post("ann@example.org", NULL, false, false);
	/* The group itself is no member. */
	assert_post("team@example.org", NULL, true, false);
	end_directory(&d);
}
END_TEST

START_TEST(others_may_send_where_the_group_says_so)
{
	begin();
	set_posters(POSTERS_ANYONE, "");
	assert_post("x@y.example", NULL, false, true);
	assert_post("bob@example.org", NULL, false, true);
	assert_post("", NULL, false, false);
	set_posters(POSTERS_DOMAIN, "");
	assert_post("bob@example.org", NULL, true, true);
	assert_post("bob@example.org", NULL, false, false);
	assert_post("sue@sister.example", "sue@sister.example", true, false);
	assert_post("x@y.example", NULL, false, false);
	set_posters(POSTERS_NAMED, "x@y.example @z.example");
	assert_post("x@y.example", NULL, false, true);
	assert_post("w@y.example", NULL, false, false);
	assert_post("w@z.example", NULL, false, true);
	assert_post("w@sub.z.example", NULL, false, false);
	assert_post("ann@example.org", "ann@example.org", true, true);
	end_directory(&d);
}
END_TEST

static int
collect_group(void *ctx, const struct directory_group *one)
{
	buf_putf(ctx, "%s ", one->name);
	return 0;
}

static int
collect_member(void *ctx, struct str member)
{
	buf_putf(ctx, "%.*s ", STR_ARG(member));
	return 0;
}

START_TEST(groups_and_members_are_listed_behind_a_name)
{
	struct directory_counts counts;
	struct buf b;

	begin();
	add_group("crew@example.org");
	add_group("all@sister.example");
	add_members("team@example.org", "c@x.example @example.org a@x.example");
	buf_init(&b, 1000);
	ck_assert_int_eq(
	    directory_each_group(d, str(""), str(""), collect_group, &b, &f),
	    0);
	ck_assert_str_eq(buf_text(&b),
	    "crew@example.org team@example.org all@sister.example ");
	buf_reset(&b);
	ck_assert_int_eq(directory_each_group(d, str("example.org"),
			     str("crew@example.org"), collect_group, &b, &f),
	    0);
	ck_assert_str_eq(buf_text(&b), "team@example.org ");
	buf_reset(&b);
	ck_assert_int_eq(directory_each_member(d, str("team@example.org"),
			     str("@example.org"), collect_member, &b, &f),
	    0);
	ck_assert_str_eq(buf_text(&b), "a@x.example c@x.example ");
	ck_assert_fault(directory_each_member(d, str("no@example.org"), str(""),
			    collect_member, &b, &f),
	    "5.1.1");
	ck_assert_int_eq(directory_count(d, &counts, &f), 0);
	ck_assert_uint_eq(counts.groups, 3);
	buf_clear(&b);
	end_directory(&d);
}
END_TEST

UNIT_MAIN("directory_group", a_group_is_kept_with_its_settings,
    a_group_can_be_changed_and_leaves_with_its_members,
    users_aliases_and_groups_share_their_names, a_domain_with_a_group_is_kept,
    a_bad_group_is_refused,
    programs_and_files_are_refused_with_words_of_their_own,
    members_are_added_once_and_removed, members_are_expanded_to_the_end,
    groups_within_each_other_end, mailboxes_come_by_pieces_without_a_gap,
    a_group_has_a_bound, a_recipient_is_a_group_by_its_mark,
    owners_have_addresses, members_may_send,
    others_may_send_where_the_group_says_so,
    groups_and_members_are_listed_behind_a_name)
