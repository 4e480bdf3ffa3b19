/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_node.h"

#include "auth/directory_copy.h"
#include "tests/unit/auth/place.h"

#define ANN STR_LIT("ann@example.org")

static struct directory *d;
static struct fault f;

static void
begin(void)
{
	d = new_directory();
	add_domain(d, "example.org");
	add_user(d, "ann@example.org", "$y$hash");
}

static void
set(const char *node, enum directory_moving moving)
{
	int rc = directory_user_set_node(d, ANN, node, moving, &f);

	ck_assert_msg(rc == 0, "%s", f.text);
}

static void
assert_ann(const char *node, bool moving)
{
	struct directory_user user;

	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 1);
	ck_assert_str_eq(user.node, node);
	ck_assert_int_eq(user.moving, moving);
	ck_assert_str_eq(user.hash, "$y$hash");
}

START_TEST(a_user_has_a_node_and_may_be_on_the_way)
{
	begin();
	assert_ann("", false);
	set("store-2.example", DIRECTORY_MOVING_KEEP);
	assert_ann("store-2.example", false);
	set(NULL, DIRECTORY_MOVING_ON);
	assert_ann("store-2.example", true);
	directory_close(&d);
	d = open_directory();
	assert_ann("store-2.example", true);
	set("", DIRECTORY_MOVING_OFF);
	assert_ann("", false);
	end_directory(&d);
}
END_TEST

START_TEST(other_changes_leave_the_node_as_it_is)
{
	begin();
	set("two", DIRECTORY_MOVING_ON);
	ck_assert_int_eq(directory_user_switch(
			     d, ANN, DIRECTORY_NO_SEND, DIRECTORY_DISABLED, &f),
	    0);
	assert_ann("two", true);
	end_directory(&d);
}
END_TEST

START_TEST(what_is_no_name_of_a_node_is_refused)
{
	static const char *const bad[] = {"-", "-a", "a b", "a/b", "\xc3\xa4",
	    "a234567890123456789012345678901234567890123456789012345678901234"};

	begin();
	set("two", DIRECTORY_MOVING_OFF);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_int_eq(directory_user_set_node(
				     d, ANN, bad[i], DIRECTORY_MOVING_ON, &f),
		    -1);
		ck_assert_str_eq(f.dsn, "5.5.4");
	}
	ck_assert_int_eq(directory_user_set_node(d, STR_LIT("x@example.org"),
			     "two", DIRECTORY_MOVING_ON, &f),
	    -1);
	ck_assert_str_eq(f.dsn, "5.1.1");
	assert_ann("two", false);
	end_directory(&d);
}
END_TEST

START_TEST(nodes_are_exported_and_imported)
{
	begin();
	set("two", DIRECTORY_MOVING_ON);
	move_directory(&d);
	assert_ann("two", true);
	ck_assert_int_eq(
	    directory_import(d,
		STR_LIT("{\"user\":\"b@example.org\",\"hash\":\"\","
			"\"node\":\"a b\"}"),
		&f),
	    -1);
	end_directory(&d);
}
END_TEST

UNIT_MAIN("directory_node", a_user_has_a_node_and_may_be_on_the_way,
    other_changes_leave_the_node_as_it_is, what_is_no_name_of_a_node_is_refused,
    nodes_are_exported_and_imported)
