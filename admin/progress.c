/* SPDX-License-Identifier: ISC */
/* Nothing is drawn in the first second: most work has ended by then. */
#include "config.h"

#include "admin/progress.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	BAR_MS = 200,
	LINE_MS = 10000,
	FIRST_MS = 1000,
	WIDTH = 80,  /* where the terminal does not say */
	BAR_MIN = 5, /* a shorter one tells nothing */
	BAR_MAX = 40,
	TEXT_MAX = 1024,
};

static volatile sig_atomic_t interrupted;
static struct sigaction old_int, old_term;

static void
on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* Reads and writes go on: what is under way is brought to its end. */
static void
take_signals(void)
{
	struct sigaction act = {
	    .sa_handler = on_signal,
	    .sa_flags = (int)(SA_RESTART | SA_RESETHAND),
	};

	sigemptyset(&act.sa_mask);
	sigaction(SIGINT, &act, &old_int);
	sigaction(SIGTERM, &act, &old_term);
}

static enum progress_how
how_for(const struct cmd_line *line)
{
	if (line->json || line->quiet)
		return PROGRESS_NONE;
	return isatty(STDERR_FILENO) ? PROGRESS_BAR : PROGRESS_LINES;
}

void
progress_begin(struct progress *p, const struct cmd_line *line,
    const char *what, uint64_t total)
{
	*p = (struct progress){
	    .how = how_for(line),
	    .what = what,
	    .total = total,
	    .out = stderr,
	    .begun = clock_ms(),
	};
	p->shown = p->begun;
	take_signals();
}

static size_t
columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH;
	return size.ws_col;
}

/* The texts. */

static uint64_t
rate(const struct progress *p, int64_t ms)
{
	return ms > 0 ? p->done * 1000 / (uint64_t)ms : 0;
}

/* "1:05:09" or "0:16". */
static void
put_left(struct buf *b, uint64_t seconds)
{
	unsigned long long h = seconds / 3600, m = seconds / 60 % 60;
	unsigned long long s = seconds % 60;

	if (h > 0)
		buf_putf(b, "%llu:%02llu:%02llu", h, m, s);
	else
		buf_putf(b, "%llu:%02llu", m, s);
}

/* ", 5400/s, 0:16 left" */
static void
put_pace(struct buf *b, const struct progress *p, int64_t ms)
{
	uint64_t pace = rate(p, ms);

	buf_putf(b, ", %llu/s", (unsigned long long)pace);
	if (p->total <= p->done || p->done == 0)
		return;
	buf_puts(b, ", ");
	put_left(b, (uint64_t)((double)(p->total - p->done) / (double)p->done *
			       (double)ms / 1000));
	buf_puts(b, " left");
}

static unsigned
percent(const struct progress *p)
{
	return p->done >= p->total
		   ? 100
		   : (unsigned)((double)p->done / (double)p->total * 100);
}

/* "1200 of 5000 messages" */
static void
put_count(struct buf *b, const struct progress *p)
{
	buf_putf(b, "%llu", (unsigned long long)p->done);
	if (p->total > 0)
		buf_putf(b, " of %llu", (unsigned long long)p->total);
	buf_putf(b, " %s", p->what);
}

/* "[=====>    ] 12% " in what the other text leaves. */
static void
put_bar(struct buf *b, const struct progress *p, size_t room)
{
	size_t n = room > BAR_MAX ? BAR_MAX : room;
	size_t full;

	if (p->total == 0 || n < BAR_MIN)
		return;
	n -= 2;
	full = n * percent(p) / 100;
	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++)
		buf_putc(b, i < full ? '=' : i == full ? '>' : ' ');
	buf_putf(b, "] ");
}

void
progress_format(
    const struct progress *p, int64_t ms, size_t width, struct buf *b)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	put_count(&text, p);
	if (p->total > 0)
		buf_putf(&text, " (%u%%)", percent(p));
	put_pace(&text, p, ms);
	if (p->subject != NULL) {
		buf_puts(&text, ", ");
		buf_put_shown(&text, p->subject);
	}
	if (p->how == PROGRESS_BAR) {
		if (buf_len(&text) + 1 < width)
			put_bar(b, p, width - buf_len(&text) - 1);
		buf_truncate(
		    &text, width > buf_len(b) ? width - buf_len(b) : 0);
	}
	buf_put_str(b, buf_str(&text));
	buf_clear(&text);
}

/* Showing it. */

/* Over what stands there, without the escapes of any terminal. */
static void
draw(struct progress *p, struct str text)
{
	fprintf(p->out, "\r%.*s", STR_ARG(text));
	for (size_t i = text.len; i < p->drawn; i++)
		putc(' ', p->out);
	putc('\r', p->out);
	p->drawn = text.len;
}

static void
show(struct progress *p, int64_t now)
{
	struct buf b;

	/* The last column stays free: many terminals wrap behind it. */
	buf_init(&b, TEXT_MAX);
	progress_format(p, now - p->begun, columns() - 1, &b);
	if (p->how == PROGRESS_BAR)
		draw(p, buf_str(&b));
	else
		fprintf(p->out, "posthouse: %s\n", buf_text(&b));
	fflush(p->out);
	buf_clear(&b);
	p->shown = now;
}

static bool
is_due(const struct progress *p, int64_t now)
{
	if (p->how == PROGRESS_LINES)
		return now - p->shown >= LINE_MS;
	return now - p->shown >= BAR_MS && now - p->begun >= FIRST_MS;
}

void
progress_step(struct progress *p, uint64_t n)
{
	int64_t now;

	p->done += n;
	if (p->how == PROGRESS_NONE)
		return;
	now = clock_ms();
	if (is_due(p, now))
		show(p, now);
}

void
progress_enter(struct progress *p, const char *subject)
{
	p->subject = subject;
	progress_step(p, 0);
}

void
progress_end(struct progress *p)
{
	if (p->drawn > 0) {
		draw(p, STR_LIT(""));
		fflush(p->out);
	}
	p->drawn = 0;
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
}

bool
progress_is_interrupted(void)
{
	return interrupted != 0;
}

int
progress_stop(const struct progress *p, const char *how, struct fault *f)
{
	return fault_temp(f, "4.3.0", "interrupted after %llu %s; %s",
	    (unsigned long long)p->done, p->what, how);
}
