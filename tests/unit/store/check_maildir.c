/* SPDX-License-Identifier: ISC */
/* store/maildir.h: file names, and what counts as a mailbox or a folder. */
#include "config.h"

#include "store/maildir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static int root;

static void
begin(void)
{
	place_make(dir, "maildir");
	root = place_open(dir);
}

static void
end(void)
{
	close(root);
	place_remove(dir);
}

static const struct {
	const char *file, *base, *flags, *ident;
	bool ours;
	int64_t time;
	bool has_size;
	uint64_t size, wire_size;
} names[] = {
    {"1700000000.M000001P12Q3Iabc.mx.b,S=94,W=101",
	"1700000000.M000001P12Q3Iabc.mx.b,S=94,W=101", "", "abc", true,
	1700000000, true, 94, 101},
    {"1700000000.M000001P12Q3Iabc.mx.b,S=94,W=101:2,RS",
	"1700000000.M000001P12Q3Iabc.mx.b,S=94,W=101", "RS", "abc", true,
	1700000000, true, 94, 101},
    {"1700000000.M1P2Q3.h,S=5", "1700000000.M1P2Q3.h,S=5", "", "", true,
	1700000000, true, 5, 0},
    /* Dovecot, Courier, qmail. */
    {"1700000000.M123P456.host,S=10,W=11:2,S",
	"1700000000.M123P456.host,S=10,W=11", "S", "", false, 1700000000, true,
	10, 11},
    {"1700000000.M1P2V00FE01I00A5_0.host,S=3",
	"1700000000.M1P2V00FE01I00A5_0.host,S=3", "", "", false, 1700000000,
	true, 3, 0},
    {"1700000000.12345_6.host", "1700000000.12345_6.host", "", "", false,
	1700000000, false, 0, 0},
    /* Whatever else people put there. */
    {"x", "x", "", "", false, 0, false, 0, 0},
    {"x:1,y", "x", "", "", false, 0, false, 0, 0},
    {"1.M1P1Q1.h,S=,W=1", "1.M1P1Q1.h,S=,W=1", "", "", true, 1, false, 0, 1},
    {"1.M1P1Q1.h,S=99999999999999999999", "1.M1P1Q1.h,S=99999999999999999999",
	"", "", true, 1, false, 0, 0},
    {"1.M1P1Q1X.h", "1.M1P1Q1X.h", "", "", false, 1, false, 0, 0},
    {"1.MP1Q1.h", "1.MP1Q1.h", "", "", false, 1, false, 0, 0},
};

START_TEST(a_name_tells_what_it_holds)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct maildir_name n;

		ck_assert(maildir_name_parse(str(names[i].file), &n));
		ck_assert_view_eq(n.base, names[i].base);
		ck_assert_view_eq(n.flags, names[i].flags);
		ck_assert_view_eq(n.ident, names[i].ident);
		ck_assert_msg(n.is_ours == names[i].ours &&
				  n.time == names[i].time &&
				  n.has_size == names[i].has_size &&
				  n.size == names[i].size &&
				  n.wire_size == names[i].wire_size,
		    "%s", names[i].file);
	}
}
END_TEST

START_TEST(what_is_no_message_has_no_name)
{
	char longest[256];
	struct maildir_name n;

	memset(longest, 'x', sizeof longest);
	ck_assert(!maildir_name_parse(str(""), &n));
	ck_assert(!maildir_name_parse(str(".nfs001"), &n));
	ck_assert(maildir_name_parse(str_n(longest, 255), &n));
	ck_assert(!maildir_name_parse(str_n(longest, 256), &n));
}
END_TEST

START_TEST(the_longest_name_fits_and_comes_back)
{
	char ident[MAILDIR_IDENT_MAX + 1], host[MAILDIR_HOST_SIZE];
	char name[MAILDIR_NAME_SIZE], long_host[300];
	struct maildir_name n;

	memset(ident, 'i', sizeof ident);
	memset(long_host, 'h', sizeof long_host);
	long_host[sizeof long_host - 1] = '\0';
	maildir_host(long_host, host);
	ck_assert_uint_eq(strlen(host), MAILDIR_HOST_SIZE - 1);
	const struct maildir_facts facts = {
	    .time_us = INT64_C(9999999999999999),
	    .pid = INT32_MAX,
	    .seq = UINT64_MAX / 2,
	    .ident = str_n(ident, MAILDIR_IDENT_MAX),
	    .host = host,
	    .size = INT64_MAX,
	    .wire_size = INT64_MAX,
	};
	maildir_name_format(&facts, name);
	/* With room for flags. */
	ck_assert_uint_lt(strlen(name), 255 - 20);
	ck_assert(maildir_name_parse(str(name), &n));
	ck_assert(n.is_ours);
	ck_assert(str_is(n.ident, facts.ident));
	ck_assert_int_eq(n.time, 9999999999);
	ck_assert_uint_eq(n.size, INT64_MAX);
	ck_assert_uint_eq(n.wire_size, INT64_MAX);
}
END_TEST

START_TEST(a_size_with_crlf_that_is_not_known_is_left_out)
{
	const struct maildir_facts facts = {
	    .time_us = 1700000000000001, .host = "mx", .size = 5};
	char name[MAILDIR_NAME_SIZE];

	maildir_name_format(&facts, name);
	ck_assert_str_eq(name, "1700000000.M000001P0Q0.mx,S=5");
}
END_TEST

START_TEST(a_host_name_has_nothing_that_means_something)
{
	char host[MAILDIR_HOST_SIZE];

	maildir_host("mx-1.example.org", host);
	ck_assert_str_eq(host, "mx-1.example.org");
	maildir_host("a/b:c,d=e\n", host);
	ck_assert_str_eq(host, "a_b_c_d_e_");
	maildir_host("", host);
	ck_assert_str_eq(host, "localhost");
}
END_TEST

static mode_t
mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

START_TEST(a_mailbox_is_made_whole_and_once)
{
	static const char *const made[] = {
	    "b", "b/ann", "b/ann/tmp", "b/ann/new", "b/ann/cur"};
	struct mailbox_name ann = mailbox_named("ann@b");
	const struct mailbox_folder inbox = {.dir = ""};
	struct fault f;
	int fd;

	begin();
	ck_assert_int_eq(maildir_open(root, &ann, &inbox, &fd, &f), 0);
	for (int again = 0; again < 2; again++) {
		ck_assert_int_eq(maildir_make(root, &ann, &f), 0);
		for (size_t i = 0; i < sizeof made / sizeof *made; i++)
			ck_assert_uint_eq(mode_of(made[i]), 0700);
		ck_assert_int_eq(unlinkat(root, "b/ann/cur", AT_REMOVEDIR), 0);
	}
	ck_assert_int_eq(maildir_open(root, &ann, &inbox, &fd, &f), 1);
	close(fd);
	end();
}
END_TEST

START_TEST(a_file_where_a_mailbox_should_be_is_a_fault)
{
	struct mailbox_name ann = mailbox_named("ann@b");
	struct fault f = {0};

	begin();
	close(openat(root, "b", O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(maildir_make(root, &ann, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_ptr_nonnull(strstr(f.text, "ann@b"));
	end();
}
END_TEST

static void
make(const char *path)
{
	ck_assert_int_eq(mkdirat(root, path, 0700), 0);
}

START_TEST(a_sub_address_means_a_folder_that_is_there)
{
	static const struct {
		const char *detail, *dir; /* NULL: none */
	} cases[] = {
	    {"Lists", ".Lists"},
	    {"lists", ".Lists"},
	    {"LISTS/Dev", ".Lists.dev"},
	    {"lists.dev", ".Lists.dev"},
	    {"B\xc3\xbc"
	     "cher",
		".B&APw-cher"},
	    {"", NULL},
	    {"inbox", NULL},
	    {"ssh", NULL},
	    {"file", NULL},
	    {"link", NULL},
	    {"none", NULL},
	    {"../ann", NULL},
	    {"..", NULL},
	    {".", NULL},
	    {"/", NULL},
	    {"cur", NULL},
	    {"lists\n", NULL},
	    {"lists/", NULL},
	};
	struct mailbox_name ann = mailbox_named("ann@b");
	struct mailbox_folder folder;
	struct fault f;

	begin();
	ck_assert(!maildir_find_folder(root, &ann, str("Lists"), &folder));
	ck_assert_int_eq(maildir_make(root, &ann, &f), 0);
	for (const char *const *p = (const char *const[]){"b/ann/.Lists",
		 "b/ann/.Lists/cur", "b/ann/.Lists.dev", "b/ann/.Lists.dev/cur",
		 "b/ann/.B&APw-cher", "b/ann/.B&APw-cher/cur", "b/ann/.ssh",
		 NULL};
	     *p != NULL; p++)
		make(*p);
	close(openat(root, "b/ann/.file", O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(symlinkat(".Lists", root, "b/ann/.link"), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool found = maildir_find_folder(
		    root, &ann, str(cases[i].detail), &folder);

		ck_assert_msg(
		    found == (cases[i].dir != NULL), "\"%s\"", cases[i].detail);
		if (found)
			ck_assert_str_eq(folder.dir, cases[i].dir);
	}
	ck_assert(
	    !maildir_find_folder(root, &ann, str_n("Lists\0x", 7), &folder));
	end();
}
END_TEST

START_TEST(a_folder_is_made_whole_and_once)
{
	static const char *const made[] = {"b/ann/.Lists.x",
	    "b/ann/.Lists.x/tmp", "b/ann/.Lists.x/new", "b/ann/.Lists.x/cur",
	    "b/ann/.Lists.x/maildirfolder"};
	struct mailbox_name ann = mailbox_named("ann@b");
	struct mailbox_folder folder;
	struct fault f;
	struct stat st;
	int box;

	begin();
	ck_assert_int_eq(maildir_make(root, &ann, &f), 0);
	folder = folder_named("Lists/x");
	box = openat(root, "b/ann", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(maildir_make_folder(box, &folder, &f), 0);
	ck_assert_int_eq(maildir_make_folder(box, &folder, &f), 0);
	close(box);
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		ck_assert_int_eq(fstatat(root, made[i], &st, 0), 0);
	end();
}
END_TEST

START_TEST(a_folder_that_is_a_link_is_not_followed)
{
	struct mailbox_name ann = mailbox_named("ann@b");
	struct mailbox_folder folder;
	struct fault f;
	int fd;

	begin();
	ck_assert_int_eq(maildir_make(root, &ann, &f), 0);
	ck_assert_int_eq(symlinkat("/tmp", root, "b/ann/.Out"), 0);
	folder = folder_named("Out");
	ck_assert_int_eq(maildir_open(root, &ann, &folder, &fd, &f), -1);
	end();
}
END_TEST

UNIT_MAIN("maildir", a_name_tells_what_it_holds, what_is_no_message_has_no_name,
    the_longest_name_fits_and_comes_back,
    a_size_with_crlf_that_is_not_known_is_left_out,
    a_host_name_has_nothing_that_means_something,
    a_mailbox_is_made_whole_and_once, a_folder_is_made_whole_and_once,
    a_file_where_a_mailbox_should_be_is_a_fault,
    a_sub_address_means_a_folder_that_is_there,
    a_folder_that_is_a_link_is_not_followed)
