/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/slow_down.h"

#include <stdio.h>

#include "tests/unit/unit.h"

/* In the manner of what receivers say. */
static const struct {
	const char *dsn, *text;
	bool meant;
} replies[] = {
    {"4.7.0", "Error: too many connections from 192.0.2.1", true},
    {"4.7.28", "unusual amount of mail from this address", true},
    {"4.7.0", "Messages from 192.0.2.1 temporarily deferred", true},
    {"4.7.500", "Server busy. Please try again later", true},
    {"4.7.651", "address has been temporarily rate limited", true},
    {"4.0.0", "Too many concurrent SMTP connections", true},
    {"4.0.0", "THROTTLED", true},
    {"4.3.2", "All server ports are busy", true},
    {"4.3.2", "service not available", true},
    {"4.0.0", "please slow down", true},
    {"4.7.1", "Greylisted, try again later", false},
    {"4.7.1", "please try again later", false},
    {"4.7.0", "greylisting: too many new senders", false},
    {"4.2.1", "the user receives mail at too high a message rate", false},
    {"4.2.2", "mailbox full", false},
    {"4.5.3", "too many recipients", false},
    {"4.3.0", "local problem", false},
    {"4.3.1", "insufficient storage", false},
    {"4.4.1", "cannot connect to 192.0.2.1:25: Connection refused", false},
};

START_TEST(slow_down_is_told_from_other_refusals)
{
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		fault_temp(&f, replies[i].dsn, "%s", replies[i].text);
		ck_assert_msg(slow_down_is_meant(&f) == replies[i].meant,
		    "%s %s", replies[i].dsn, replies[i].text);
	}
}
END_TEST

START_TEST(slow_down_is_never_permanent)
{
	struct fault f;

	fault_perm(&f, "5.7.1", "too many connections, rate limit exceeded");
	ck_assert(!slow_down_is_meant(&f));
}
END_TEST

UNIT_MAIN("slow_down", slow_down_is_told_from_other_refusals,
    slow_down_is_never_permanent)
