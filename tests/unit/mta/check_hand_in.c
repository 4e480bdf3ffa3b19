/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/hand_in.h"

#include <sysexits.h>

#include "tests/unit/unit.h"

static const struct {
	enum fault_kind kind;
	const char *dsn;
	int status;
} faults[] = {
    {FAULT_PERM, "5.1.1", EX_NOUSER},
    {FAULT_PERM, "5.1.10", EX_NOHOST},
    {FAULT_PERM, "5.1.3", EX_DATAERR},
    {FAULT_PERM, "5.7.1", EX_NOPERM},
    {FAULT_PERM, "5.6.0", EX_DATAERR},
    {FAULT_PERM, "5.2.1", EX_UNAVAILABLE},
    {FAULT_TEMP, "4.7.0", EX_TEMPFAIL},
    {FAULT_TEMP, "4.4.1", EX_TEMPFAIL},
};

START_TEST(hand_in_says_why_by_its_status)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct fault f;

		if (faults[i].kind == FAULT_TEMP)
			fault_temp(&f, faults[i].dsn, "later");
		else
			fault_perm(&f, faults[i].dsn, "never");
		ck_assert_int_eq(hand_in_status_of(&f), faults[i].status);
	}
}
END_TEST

START_TEST(hand_in_asks_for_another_try_only_where_that_can_help)
{
	struct smtp_outcome outcomes[3] = {{.ok = true}, {.ok = true}};

	ck_assert_int_eq(hand_in_status(outcomes, 2), EX_OK);
	fault_temp(&outcomes[1].fault, "4.2.1", "later");
	outcomes[1].ok = false;
	ck_assert_int_eq(hand_in_status(outcomes, 2), EX_TEMPFAIL);
	fault_perm(&outcomes[2].fault, "5.1.1", "never");
	ck_assert_int_eq(hand_in_status(outcomes, 3), EX_NOUSER);
}
END_TEST

START_TEST(hand_in_tells_of_a_server_that_is_not_there)
{
	struct fault f;

	ck_assert_int_eq(
	    hand_in_connect("unix:/nonexistent/submit.sock", 0, &f), -1);
	ck_assert_int_eq(hand_in_status_of(&f), EX_TEMPFAIL);
}
END_TEST

UNIT_MAIN("hand_in", hand_in_says_why_by_its_status,
    hand_in_asks_for_another_try_only_where_that_can_help,
    hand_in_tells_of_a_server_that_is_not_there)
