/* SPDX-License-Identifier: ISC */
/* admin/progress.h: what people see, and signals that only ask. */
#include "config.h"

#include "admin/progress.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void
assert_text(struct progress p, int64_t ms, size_t width, const char *wanted)
{
	struct buf b;

	p.what = "messages";
	buf_init(&b, 1024);
	progress_format(&p, ms, width, &b);
	ck_assert_str_eq(buf_text(&b), wanted);
	buf_clear(&b);
}

START_TEST(a_line_tells_count_pace_and_what_is_left)
{
	assert_text(
	    (struct progress){
		.how = PROGRESS_LINES, .done = 1200, .total = 6000},
	    10000, 80, "1200 of 6000 messages (20%), 120/s, 0:40 left");
	assert_text(
	    (struct progress){.how = PROGRESS_LINES, .done = 1, .total = 4000},
	    1000, 10, "1 of 4000 messages (0%), 1/s, 1:06:39 left");
	assert_text((struct progress){.how = PROGRESS_LINES, .done = 7}, 2000,
	    80, "7 messages, 3/s");
	assert_text((struct progress){.how = PROGRESS_LINES,
			.done = 5,
			.total = 5,
			.subject = "ann@\033[2J"},
	    1000, 80, "5 of 5 messages (100%), 5/s, ann@?[2J");
}
END_TEST

START_TEST(a_bar_fits_its_terminal)
{
	struct progress p = {.how = PROGRESS_BAR, .done = 50, .total = 100};

	assert_text(p, 1000, 71,
	    "[=============>             ] 50 of 100 messages (50%), 50/s, "
	    "0:01 left");
	for (size_t width = 0; width < 200; width++) {
		struct buf b;

		p.what = "messages";
		buf_init(&b, 1024);
		progress_format(&p, 1000, width, &b);
		ck_assert_uint_le(buf_len(&b), width);
		buf_clear(&b);
	}
	/* More than was foreseen came. */
	p.done = 300;
	assert_text(p, 1000, 40, "[====] 300 of 100 messages (100%), 300/s");
}
END_TEST

START_TEST(nothing_divides_by_nothing)
{
	assert_text((struct progress){.how = PROGRESS_LINES, .total = 10}, 0,
	    80, "0 of 10 messages (0%), 0/s");
	assert_text((struct progress){.how = PROGRESS_LINES,
			.done = UINT64_MAX / 2000,
			.total = UINT64_MAX},
	    1, 10,
	    "9223372036854775 of 18446744073709551615 messages (0%), "
	    "9223372036854775000/s, 0:01 left");
}
END_TEST

START_TEST(a_signal_asks_and_a_second_one_ends)
{
	const struct cmd_line line = {.json = true};
	struct progress p;
	struct fault f;
	int status;
	pid_t child;

	progress_begin(&p, &line, "messages", 0);
	ck_assert(!progress_is_interrupted());
	progress_step(&p, 3);
	ck_assert_int_eq(raise(SIGTERM), 0);
	ck_assert(progress_is_interrupted());
	ck_assert_int_eq(progress_stop(&p, "go on", &f), -1);
	ck_assert_str_eq(f.text, "interrupted after 3 messages; go on");
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)raise(SIGTERM);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	progress_end(&p);
	ck_assert(progress_is_interrupted());
}
END_TEST

UNIT_MAIN("progress", a_line_tells_count_pace_and_what_is_left,
    a_bar_fits_its_terminal, nothing_divides_by_nothing,
    a_signal_asks_and_a_second_one_ends)
