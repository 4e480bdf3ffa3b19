/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/arguments.h"

#include <getopt.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* Each letter that any sendmail knows, so that the value of none is taken for
 * a recipient. */
static const char letters[] =
    ":A:B:C:F:GIL:N:O:R:TUV:X:b:cd::e:f:h:imno:p:q::r:tvx";

static int
read_mode(char letter, struct submit_arguments *a, struct fault *f)
{
	switch (letter) {
	case 'm':
		a->mode = SUBMIT_MESSAGE;
		return 0;
	case 's':
		a->mode = SUBMIT_SMTP;
		return 0;
	case 'p':
		a->mode = SUBMIT_LIST;
		return 0;
	case 'i':
		a->mode = SUBMIT_ALIASES;
		return 0;
	case 'd':
	case 'D':
	case 'l':
		return fault_perm(f, "5.5.4",
		    "-b%c: posthouse-smtpd and posthouse-queued are the "
		    "daemons; \"posthouse run\" starts all",
		    letter);
	case 'v':
	case 't':
		return fault_perm(f, "5.5.4",
		    "-b%c: \"posthouse explain\" tells where mail would go",
		    letter);
	default:
		return fault_perm(f, "5.5.4", "there is no mode -b%c", letter);
	}
}

static int
read_notify(const char *text, unsigned *notify, struct fault *f)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = {
	    {"never", NOTIFY_NEVER},
	    {"success", NOTIFY_SUCCESS},
	    {"failure", NOTIFY_FAILURE},
	    {"delay", NOTIFY_DELAY},
	};
	struct str rest = str(text);
	bool known = rest.len > 0;

	*notify = NOTIFY_UNSET;
	while (known && rest.len > 0) {
		struct str word = str_trim(str_cut(&rest, ','));

		known = false;
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			if (!str_is_nocase(word, str(words[i].word)))
				continue;
			*notify |= words[i].bit;
			known = true;
		}
	}
	/* RFC 3461 4.1: NEVER stands alone. */
	if (known && ((*notify & NOTIFY_NEVER) == 0 || *notify == NOTIFY_NEVER))
		return 0;
	return fault_perm(f, "5.5.4",
	    "-N %.60s: never, or some of success, failure and delay", text);
}

static int
read_ret(const char *text, enum envelope_ret *ret, struct fault *f)
{
	if (strcasecmp(text, "full") == 0)
		*ret = RET_FULL;
	else if (strcasecmp(text, "hdrs") == 0)
		*ret = RET_HDRS;
	else
		return fault_perm(f, "5.5.4", "-R %.60s: full or hdrs", text);
	return 0;
}

/* RFC 3461 4.4: 100 characters of xtext. */
static int
read_envid(const char *text, struct submit_arguments *a, struct fault *f)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			len = 0;
	if (len == 0 || len > 100)
		return fault_perm(
		    f, "5.5.4", "-V: an envelope id has 1 to 100 letters");
	a->envid = text;
	return 0;
}

static int
read_body(const char *text, struct submit_arguments *a, struct fault *f)
{
	if (strcasecmp(text, "8BITMIME") == 0)
		a->is_8bit = true;
	else if (strcasecmp(text, "7BIT") != 0)
		return fault_perm(
		    f, "5.5.4", "-B %.60s: 7BIT or 8BITMIME", text);
	return 0;
}

static int
read_flush(const char *text, struct submit_arguments *a, struct fault *f)
{
	a->mode = SUBMIT_FLUSH;
	if (text == NULL || strcmp(text, "f") == 0)
		return 0;
	if (text[0] == 'I' && text[1] != '\0')
		a->flush_id = text + 1;
	else if (text[0] == 'R' && text[1] != '\0')
		a->flush_domain = text[1] == '@' ? text + 2 : text + 1;
	else
		return fault_perm(f, "5.5.4",
		    "-q%.60s: posthouse-queued runs the queue by itself; -q, "
		    "-qRdomain and -qIid make it try now",
		    text);
	return 0;
}

/* -o and -e. The modes in which errors are told by mail or on a terminal are
 * left alone: they are always told, unless by -oeq, on the standard error. */
static void
read_option(const char *text, struct submit_arguments *a)
{
	if (strcmp(text, "i") == 0)
		a->ignore_dots = true;
	else if (strcmp(text, "eq") == 0)
		a->quiet = true;
}

/* One that has to do with what is sent. */
static int
read_letter(
    int letter, const char *value, struct submit_arguments *a, struct fault *f)
{
	switch (letter) {
	case 'B':
		return read_body(value, a, f);
	case 'N':
		return read_notify(value, &a->notify, f);
	case 'R':
		return read_ret(value, &a->ret, f);
	case 'V':
		return read_envid(value, a, f);
	case 'b':
		if (value[1] != '\0')
			return fault_perm(
			    f, "5.5.4", "there is no mode -b%.60s", value);
		return read_mode(value[0], a, f);
	case 'q':
		return read_flush(value, a, f);
	case ':':
	case '?':
		return fault_perm(f, "5.5.4",
		    letter == '?' ? "there is no option -%c"
				  : "-%c needs a value",
		    optopt);
	default:
		return 0;
	}
}

static void
read_flag(int letter, const char *value, struct submit_arguments *a)
{
	switch (letter) {
	case 'C':
		a->file = value;
		break;
	case 'F':
		a->full_name = value;
		break;
	case 'e':
		a->quiet = strcmp(value, "q") == 0;
		break;
	case 'f':
	case 'r':
		a->sender = value;
		break;
	case 'i':
		a->ignore_dots = true;
		break;
	case 'o':
		read_option(value, a);
		break;
	case 't':
		a->take_recipients = true;
		break;
	case 'v':
		a->verbose = true;
		break;
	}
}

static enum submit_mode
mode_of_name(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash == NULL ? program : slash + 1;

	if (strcmp(name, "mailq") == 0)
		return SUBMIT_LIST;
	if (strcmp(name, "newaliases") == 0)
		return SUBMIT_ALIASES;
	return SUBMIT_MESSAGE;
}

int
submit_arguments_read(
    int argc, char **argv, struct submit_arguments *a, struct fault *f)
{
	/* Unlike getopt() it goes on behind recipients, with every libc. */
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	int letter;

	*a = (struct submit_arguments){
	    .mode = mode_of_name(argc > 0 ? argv[0] : ""),
	    .file = SYSCONFDIR "/posthouse/posthouse.conf",
	};
	opterr = 0;
	optind = 0;
	while ((letter = getopt_long(argc, argv, letters, none, NULL)) != -1) {
		read_flag(letter, optarg, a);
		if (read_letter(letter, optarg, a, f) < 0)
			return -1;
	}
	a->rcpts = argv + optind;
	a->n_rcpts = (size_t)(argc - optind);
	return 0;
}
