/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/slow_down.h"

#include <string.h>

/*
 * The first row that fits decides. A code ends in "." where all below it are
 * meant; "" fits any. Words are sought without case.
 */
static const struct {
	const char *code;
	const char *words; /* "": any text */
	bool meant;
} rows[] = {
    /* clang-format off */
	/* About one sender, mailbox or message, whatever the rate. */
	{"",       "greylist",			false},
	{"",       "graylist",			false},
	{"",       "grey-list",			false},
	{"4.1.",   "",				false},
	{"4.2.",   "",				false},
	{"4.5.3",  "",				false},
	/* Words that leave no doubt. */
	{"",       "rate limit",		true},
	{"",       "rate-limit",		true},
	{"",       "ratelimit",			true},
	{"",       "limit exceeded",		true},
	{"",       "throttl",			true},
	{"",       "slow down",			true},
	{"",       "slow it down",		true},
	{"",       "too fast",			true},
	{"",       "too many",			true},
	{"",       "too much mail",		true},
	{"",       "unusual rate",		true},
	{"",       "unusual amount",		true},
	{"",       "unexpected volume",		true},
	{"",       "high volume",		true},
	{"",       "sending rate",		true},
	{"",       "message rate",		true},
	{"",       "connection rate",		true},
	{"",       "exceeded the rate",		true},
	{"",       "exceeds the rate",		true},
	{"",       "connection limit",		true},
	{"",       "maximum connections",	true},
	{"",       "maximum number of",		true},
	{"",       "concurren",			true},
	{"",       "server busy",		true},
	{"",       "server is busy",		true},
	{"",       "too busy",			true},
	{"",       "ports are busy",		true},
	{"",       "overloaded",		true},
	{"",       "load is too high",		true},
	/* Codes that big receivers keep for it. */
	{"4.3.2",  "",				true},
	{"4.4.5",  "",				true},	/* congestion */
	{"4.7.28", "",				true},
	{"4.7.500", "",				true},
	{"4.7.650", "",				true},
	{"4.7.651", "",				true},
	{"4.7.652", "",				true},
	/* By 4.7.1 greylisting says "try again later" as well. */
	{"4.7.0",  "temporarily deferred",	true},
	{"4.7.0",  "temporarily blocked",	true},
	{"4.7.0",  "try again later",		true},
	{"4.7.0",  "reputation",		true},
    /* clang-format on */
};

static bool
fits_code(const char *dsn, const char *code)
{
	size_t len = strlen(code);

	if (len == 0)
		return true;
	return code[len - 1] == '.' ? strncmp(dsn, code, len) == 0
				    : strcmp(dsn, code) == 0;
}

bool
slow_down_is_meant(const struct fault *f)
{
	if (f->kind != FAULT_TEMP)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (fits_code(f->dsn, rows[i].code) &&
		    strcasestr(f->text, rows[i].words) != NULL)
			return rows[i].meant;
	return false;
}
