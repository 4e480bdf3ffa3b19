/* SPDX-License-Identifier: ISC */
/* Where things are by the configuration, and whom they are given to. */
#include "config.h"

#include "admin/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char dir[64], file[128];

static void
set_up(const char *text)
{
	FILE *out;

	snprintf(dir, sizeof dir, "/tmp/ph-place-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/posthouse.conf", dir);
	out = fopen(file, "w");
	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static void
tear_down(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct conf *
read_conf(void)
{
	struct fault f;
	struct conf *conf = place_read_conf(file, true, &f);

	ck_assert_msg(conf != NULL, "%s", f.text);
	return conf;
}

static void
assert_in_dir(const char *path, const char *name)
{
	char wanted[256];

	snprintf(wanted, sizeof wanted, "%s/%s", dir, name);
	ck_assert_str_eq(path, wanted);
}

START_TEST(place_of_follows_state_dir_and_run_dir)
{
	struct conf *conf;
	struct place p;
	struct fault f;

	set_up("state_dir = \"state\"\nrun_dir = \"run\"\n");
	conf = read_conf();
	ck_assert_int_eq(place_of(conf, PLACE_AUTHD, &p, &f), 0);
	ck_assert_str_eq(p.program, "posthouse-authd");
	ck_assert_ptr_null(p.user);
	assert_in_dir(p.dir, "state/directory");
	assert_in_dir(p.control, "run/posthouse-authd.ctl");
	ck_assert_str_eq(p.root, "");
	ck_assert_int_eq(place_of(conf, PLACE_LMTPD, &p, &f), 0);
	assert_in_dir(p.dir, "state/index");
	assert_in_dir(p.root, "state/mail");
	assert_in_dir(p.control, "run/posthouse-lmtpd.ctl");
	ck_assert_int_eq(place_of(conf, PLACE_QUEUED, &p, &f), 0);
	ck_assert_str_eq(p.program, "posthouse-queued");
	assert_in_dir(p.dir, "state/queue");
	assert_in_dir(p.control, "run/posthouse-queued.ctl");
	ck_assert_str_eq(p.root, "");
	conf_free(&conf);
	tear_down();
}
END_TEST

START_TEST(place_of_follows_the_daemons_own_sections)
{
	struct conf *conf;
	struct place p;
	struct fault f;

	set_up("lmtpd {\n user = \"mail\"\n root = \"boxes\"\n"
	       " index_dir = \"/x/idx\"\n}\n");
	conf = read_conf();
	ck_assert_int_eq(place_of(conf, PLACE_LMTPD, &p, &f), 0);
	ck_assert_str_eq(p.user, "mail");
	ck_assert_str_eq(p.dir, "/x/idx");
	assert_in_dir(p.root, "boxes");
	conf_free(&conf);
	tear_down();
}
END_TEST

START_TEST(place_of_gives_whole_paths_for_a_configuration_in_this_folder)
{
	struct conf *conf;
	struct place p;
	struct fault f;

	set_up("state_dir = \"state\"\nrun_dir = \"run\"\n");
	ck_assert_int_eq(chdir(dir), 0);
	conf = place_read_conf("posthouse.conf", true, &f);
	ck_assert_ptr_nonnull(conf);
	ck_assert_int_eq(place_of(conf, PLACE_AUTHD, &p, &f), 0);
	assert_in_dir(p.dir, "state/directory");
	assert_in_dir(p.control, "run/posthouse-authd.ctl");
	conf_free(&conf);
	ck_assert_int_eq(chdir("/"), 0);
	tear_down();
}
END_TEST

START_TEST(place_read_conf_says_what_to_do_without_a_file)
{
	struct fault f;

	ck_assert_ptr_null(place_read_conf("/nonexistent/p.conf", true, &f));
	ck_assert_str_eq(f.dsn, "5.3.5");
	ck_assert_ptr_nonnull(strstr(f.text, "posthouse config sample"));
}
END_TEST

START_TEST(place_read_conf_names_file_and_line)
{
	struct conf *conf;
	char wanted[160];
	struct fault f;

	set_up("hostname = \"a.example\"\nlmtpd {\n max_sise = 5M\n}\n");
	conf = place_read_conf(file, true, &f);
	ck_assert_ptr_null(conf);
	snprintf(wanted, sizeof wanted, "%s:3: ", file);
	ck_assert_msg(str_starts(str(f.text), str(wanted)), "%s", f.text);
	tear_down();
}
END_TEST

START_TEST(place_read_conf_refuses_unknown_sections_only_where_strict)
{
	struct conf *conf;
	struct fault f;

	set_up("lmptd {\n}\n");
	ck_assert_ptr_null(place_read_conf(file, true, &f));
	conf = place_read_conf(file, false, &f);
	ck_assert_ptr_nonnull(conf);
	conf_free(&conf);
	tear_down();
}
END_TEST

START_TEST(place_become_user_stays_the_owner_of_what_is_there)
{
	uid_t before = geteuid();
	struct conf *conf;
	struct place p;
	struct fault f;

	set_up("state_dir = \"state\"\n");
	conf = read_conf();
	ck_assert_int_eq(place_of(conf, PLACE_AUTHD, &p, &f), 0);
	ck_assert_int_eq(place_prepare(conf, &p, &f), 0);
	ck_assert_int_eq(place_become_user(&p, &f), 0);
	ck_assert_uint_eq(geteuid(), before);
	conf_free(&conf);
	tear_down();
}
END_TEST

START_TEST(place_prepare_fails_for_a_user_that_does_not_exist)
{
	struct conf *conf;
	struct place p;
	struct fault f;

	set_up("state_dir = \"state\"\nlmtpd {\n user = \"no-such-user\"\n}\n");
	conf = read_conf();
	ck_assert_int_eq(place_of(conf, PLACE_LMTPD, &p, &f), 0);
	ck_assert_int_lt(place_prepare(conf, &p, &f), 0);
	ck_assert_str_eq(f.dsn, "5.3.5");
	ck_assert_ptr_nonnull(strstr(f.text, "no-such-user"));
	conf_free(&conf);
	tear_down();
}
END_TEST

START_TEST(place_prepare_as_root_gives_only_the_last_folder_away)
{
	struct conf *conf;
	struct place p;
	struct fault f;
	struct stat st;
	char path[128];

	if (geteuid() != 0)
		return; /* anybody else cannot give anything */
	set_up("state_dir = \"a/state\"\nlmtpd {\n user = \"mail\"\n}\n");
	conf = read_conf();
	ck_assert_int_eq(place_of(conf, PLACE_LMTPD, &p, &f), 0);
	ck_assert_int_eq(place_prepare(conf, &p, &f), 0);
	ck_assert_int_eq(stat(p.root, &st), 0);
	ck_assert_uint_ne(st.st_uid, 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(p.dir, &st), 0);
	ck_assert_uint_ne(st.st_uid, 0);
	snprintf(path, sizeof path, "%s/a/state", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0755);
	conf_free(&conf);
	tear_down();
}
END_TEST

UNIT_MAIN("place", place_of_follows_state_dir_and_run_dir,
    place_of_follows_the_daemons_own_sections,
    place_of_gives_whole_paths_for_a_configuration_in_this_folder,
    place_read_conf_says_what_to_do_without_a_file,
    place_read_conf_names_file_and_line,
    place_read_conf_refuses_unknown_sections_only_where_strict,
    place_become_user_stays_the_owner_of_what_is_there,
    place_prepare_fails_for_a_user_that_does_not_exist,
    place_prepare_as_root_gives_only_the_last_folder_away)
