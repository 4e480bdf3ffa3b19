/* SPDX-License-Identifier: ISC */
/*
 * Writes the notification whose facts are its arguments; the original comes
 * by standard input, and is given in pieces of 1000 bytes:
 *
 *   make_report to=ann@example.org ret=hdrs rcpt=failed,bob@example.net,5.1.1
 *
 * "reply=", "diagnostic=", "orcpt=TYPE;ADDRESS" and "mta=" belong to the rcpt before. The
 * last line of standard error says: size, 7bit or 8bit, smtputf8 or ascii.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proto/report.h"

enum { RCPTS_MAX = 100, PIECE = 1000 };

static struct report_rcpt rcpts[RCPTS_MAX];
static struct report_facts facts = {
    .hostname = "mail.example.org",
    .message_id = STR_LIT("06b0v8z3k9m2q4tx@mail.example.org"),
    .date = 1795453538,
    .arrival = 1795453000,
    .id = STR_LIT("06b0v8z3k9m2q4ty"),
    .full_max = 100 << 20,
    .subject = STR_LIT("Your message could not be delivered"),
    .language = STR_LIT("en"),
    .text = STR_LIT("Your message came to nothing.\n"),
    .rcpts = rcpts,
};

static void
take_rcpt(struct str value)
{
	struct report_rcpt *r = &rcpts[facts.n_rcpts++];
	struct str action = str_cut(&value, ',');

	while (!str_is(action, str(report_action_name(r->action))))
		r->action++;
	r->final = str_cut(&value, ',');
	r->status = value;
	r->last_attempt = 1795453500;
	r->retry_until = 1795853500;
}

static void
take_argument(struct str value)
{
	struct str name = str_cut(&value, '=');
	struct report_rcpt *last =
	    &rcpts[facts.n_rcpts > 0 ? facts.n_rcpts - 1 : 0];
	const struct {
		const char *name;
		struct str *to;
	} texts[] = {
	    {"to", &facts.to},
	    {"from", &facts.from},
	    {"envid", &facts.envid},
	    {"subject", &facts.subject},
	    {"language", &facts.language},
	    {"text", &facts.text},
	    {"diagnostic", &last->diagnostic},
	    {"reply", &last->reply},
	    {"mta", &last->remote_mta},
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (str_is(name, str(texts[i].name)))
			*texts[i].to = value;
	}
	if (str_is(name, STR_LIT("rcpt")))
		take_rcpt(value);
	if (str_is(name, STR_LIT("orcpt"))) {
		last->orcpt_type = str_cut(&value, ';');
		last->orcpt = value;
	}
	if (str_is(name, STR_LIT("ret")))
		facts.ret =
		    str_is(value, STR_LIT("full")) ? RET_FULL : RET_HDRS;
	if (str_is(name, STR_LIT("smtputf8")))
		facts.smtputf8 = true;
	if (str_is(name, STR_LIT("full_max")) &&
	    !str_to_u64(value, 0, UINT64_MAX, &facts.full_max))
		exit(2);
}

static int
give(void *source, report_piece *piece, void *ctx, struct fault *f)
{
	struct str rest = buf_str(source);

	for (; rest.len > 0; rest = str_from(rest, PIECE)) {
		if (piece(ctx, str_head(rest, PIECE), f) < 0)
			return -1;
	}
	return 0;
}

static int
write_piece(void *ctx, struct str bytes, struct fault *f)
{
	(void)ctx;
	if (fwrite(bytes.at, 1, bytes.len, stdout) != bytes.len)
		return fault_errno(f, "cannot write");
	return 0;
}

int
main(int argc, char **argv)
{
	struct buf original;
	struct report *report;
	struct fault f;
	size_t room, got;
	char *space;

	buf_init(&original, 100 << 20);
	do {
		space = buf_space(&original, PIECE, &room);
		got = fread(space, 1, PIECE, stdin);
		buf_added(&original, got);
	} while (got > 0);
	for (int i = 1; i < argc; i++)
		take_argument(str(argv[i]));
	report =
	    report_new(&facts, &(struct report_original){give, &original}, &f);
	if (report == NULL || report_each(report, write_piece, NULL, &f) < 0 ||
	    fflush(stdout) != 0)
		die(1, "%s", f.text);
	fprintf(stderr, "%" PRIu64 " %s %s\n", report_size(report),
	    report_is_8bit(report) ? "8bit" : "7bit",
	    report_needs_smtputf8(report) ? "smtputf8" : "ascii");
	report_free(&report);
	buf_clear(&original);
	return 0;
}
