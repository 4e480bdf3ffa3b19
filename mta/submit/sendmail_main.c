/* SPDX-License-Identifier: ISC */
/*
 * posthouse-sendmail: sendmail(8) for the programs of this machine, also as
 * mailq and newaliases.
 *
 * It has no rights beyond its caller's and keeps nothing: a message is taken
 * when posthouse-smtpd has it durably, and only then the status is 0.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/spool.h"
#include "mta/options.h"
#include "mta/submit/arguments.h"
#include "mta/submit/compose.h"
#include "mta/submit/hand_in.h"
#include "mta/submit/mailq.h"

enum {
	PATH_SIZE = 512,
	READ_SIZE = 64 * 1024,
	/* For a server that is being started anew. */
	WAIT_MS = 10000,
};

/* What is known before the message is read. */
struct place {
	struct conf *conf;
	const char *hostname, *domain, *spool_dir;
	char machine[HOST_NAME_MAX + 1];
	char listener[PATH_SIZE]; /* "unix:…" */
	char control[PATH_SIZE];  /* of posthouse-queued */
};

struct user {
	char login[ADDRESS_TEXT_SIZE]; /* "ann@example.org" */
	char name[ADDRESS_LOCAL_MAX + 1];
	char *full_name;
};

static int
complain(const struct submit_arguments *a, int status, const char *text)
{
	if (!a->quiet)
		fprintf(stderr, "posthouse-sendmail: %s\n", text);
	return status;
}

static int
complain_fault(const struct submit_arguments *a, const struct fault *f)
{
	return complain(a, hand_in_status_of(f), f->text);
}

static int
read_place(const char *file, struct place *p, struct fault *f)
{
	static const struct conf_table *const tables[] = {
	    &common_table, &smtpd_table};
	const struct common_options *common;
	const struct smtpd_options *o;
	const char *listener;

	if (access(file, R_OK) < 0)
		return fault_perm(f, "5.3.5", "%s: %s", file, strerror(errno));
	p->conf = conf_read(file, tables, ARRAY_LEN(tables), false, f);
	if (p->conf == NULL)
		return -1;
	common = conf_get(p->conf, &common_table);
	o = conf_get(p->conf, &smtpd_table);
	p->hostname = common->hostname;
	if (p->hostname == NULL) {
		if (gethostname(p->machine, sizeof p->machine - 1) < 0)
			return fault_errno(f, "gethostname");
		p->hostname = p->machine;
	}
	p->domain = o->local_domain != NULL ? o->local_domain : p->hostname;
	p->spool_dir = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	listener = smtpd_local_socket(o);
	if (listener != NULL)
		snprintf(p->listener, PATH_SIZE, "%s", listener);
	snprintf(
	    p->control, PATH_SIZE, "%s/posthouse-queued.ctl", common->run_dir);
	return 0;
}

static int
need_listener(const struct place *p, const char *file, struct fault *f)
{
	if (p->listener[0] != '\0')
		return 0;
	return fault_perm(f, "5.3.5",
	    "%s: posthouse-smtpd has no listener with protocol = local", file);
}

/* Users. */

/* The system's full name: up to the first comma, "&" being the login. */
static char *
read_full_name(const struct passwd *pw)
{
	struct str rest = str(pw->pw_gecos), name = str_cut(&rest, ',');
	struct buf b;
	char *text;

	buf_init(&b, READ_SIZE);
	for (size_t i = 0; i < name.len; i++) {
		size_t at = buf_len(&b);

		if (name.at[i] != '&') {
			buf_putc(&b, name.at[i]);
			continue;
		}
		buf_puts(&b, pw->pw_name);
		if (pw->pw_name[0] >= 'a' && pw->pw_name[0] <= 'z' &&
		    !buf_is_full(&b))
			b.bytes[b.start + at] =
			    (char)(pw->pw_name[0] - 'a' + 'A');
	}
	text = mem_dup(buf_text(&b));
	buf_clear(&b);
	return text;
}

static void
find_user(
    const struct submit_arguments *a, const struct place *p, struct user *u)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *full_name = getenv("NAME");

	if (pw == NULL || !str_copy(str(pw->pw_name), u->name, sizeof u->name))
		snprintf(u->name, sizeof u->name, "uid-%u", (unsigned)getuid());
	snprintf(u->login, sizeof u->login, "%s@%s", u->name, p->domain);
	if (a->full_name != NULL)
		u->full_name = mem_dup(a->full_name);
	else if (full_name != NULL)
		u->full_name = mem_dup(full_name);
	else if (pw != NULL && pw->pw_gecos != NULL)
		u->full_name = read_full_name(pw);
	else
		u->full_name = mem_dup("");
}

/* -f: an address, a name of this machine, or "<>". */
static int
find_sender(const struct submit_arguments *a, const struct place *p,
    const struct user *u, struct address *sender, struct fault *f)
{
	struct str text = str(a->sender == NULL ? u->login : a->sender);
	char whole[ADDRESS_TEXT_SIZE];

	text = str_trim(text);
	if (str_starts(text, STR_LIT("<")) && str_ends(text, STR_LIT(">")))
		text = str_trim(str_n(text.at + 1, text.len - 2));
	*sender = (struct address){.host = ADDRESS_NO_HOST};
	if (text.len == 0)
		return 0;
	if (str_has(text, '@'))
		return address_parse(text, sender, f);
	if (text.len > ADDRESS_LOCAL_MAX)
		return fault_perm(f, "5.1.7", "-f: the name is too long");
	snprintf(whole, sizeof whole, "%.*s@%s", STR_ARG(text), p->domain);
	return address_parse(str(whole), sender, f);
}

/* The message. */

static int
read_message(struct compose *c, struct fault *f)
{
	static char bytes[READ_SIZE];

	for (;;) {
		ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
		int rc;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(f, "cannot read the message");
		if (got == 0)
			return compose_end(c, f);
		rc = compose_feed(c, str_n(bytes, (size_t)got), f);
		if (rc != 0)
			return rc < 0 ? -1 : compose_end(c, f);
	}
}

static int
report(const struct submit_arguments *a, const struct envelope_rcpt *rcpts,
    const struct smtp_outcome *outcomes, size_t n)
{
	char to[ADDRESS_TEXT_SIZE];
	size_t ok = 0;

	for (size_t i = 0; i < n; i++) {
		address_format(&rcpts[i].forward_path, to);
		ok += outcomes[i].ok;
		if (outcomes[i].ok && a->verbose)
			fprintf(stderr, "posthouse-sendmail: <%s>: sent\n", to);
		else if (!outcomes[i].ok && !a->quiet)
			fprintf(stderr, "posthouse-sendmail: <%s>: %s (%s)\n",
			    to, outcomes[i].fault.text, outcomes[i].fault.dsn);
	}
	if (ok == 0)
		complain(a, 0, "the message was not sent");
	else if (ok < n)
		complain(a, 0, "the others have got the message");
	return hand_in_status(outcomes, n);
}

static int
send_composed(const struct submit_arguments *a, const struct place *p,
    const struct address *sender, const struct compose *c)
{
	size_t n;
	const struct envelope_rcpt *found = compose_recipients(c, &n);
	struct envelope_rcpt *rcpts = mem_zeroed(n, sizeof *rcpts);
	struct smtp_outcome *outcomes = mem_zeroed(n, sizeof *outcomes);
	struct envelope_mail mail = {
	    .reverse_path = *sender,
	    .body =
		a->is_8bit || compose_is_8bit(c) ? BODY_8BITMIME : BODY_7BIT,
	    .smtputf8 = sender->is_utf8,
	    .ret = a->ret,
	    .envid = str(a->envid),
	};
	const struct hand_in h = {
	    .address = p->listener,
	    .hostname = p->hostname,
	    .wait_ms = WAIT_MS,
	    .mail = &mail,
	    .rcpts = rcpts,
	    .n_rcpts = n,
	    .head = compose_head(c),
	    .body = compose_body(c),
	};
	int status;

	for (size_t i = 0; i < n; i++) {
		rcpts[i] = found[i];
		rcpts[i].notify = a->notify;
		mail.smtputf8 = mail.smtputf8 || rcpts[i].forward_path.is_utf8;
	}
	hand_in_message(&h, outcomes);
	status = report(a, rcpts, outcomes, n);
	mem_free(rcpts);
	mem_free(outcomes);
	return status;
}

static int
add_arguments(
    const struct submit_arguments *a, struct compose *c, struct fault *f)
{
	for (size_t i = 0; i < a->n_rcpts; i++)
		if (compose_add_recipients(c, str(a->rcpts[i]), f) < 0)
			return -1;
	return 0;
}

static int
send_message(const struct submit_arguments *a, const struct place *p,
    const struct user *u)
{
	const struct compose_conf conf = {
	    .domain = p->domain,
	    .from = u->login,
	    .full_name = u->full_name,
	    .spool_dir = p->spool_dir,
	    .take_recipients = a->take_recipients,
	    .ignore_dots = a->ignore_dots,
	};
	struct compose *c = compose_new(&conf);
	struct address sender;
	struct fault f;
	int status;
	size_t n;

	if (find_sender(a, p, u, &sender, &f) < 0 ||
	    add_arguments(a, c, &f) < 0 || read_message(c, &f) < 0)
		status = complain_fault(a, &f);
	else if (compose_recipients(c, &n), n == 0)
		status = complain(a, EX_USAGE,
		    "no recipients: neither behind the options nor, with -t, "
		    "in the message");
	else
		status = send_composed(a, p, &sender, c);
	compose_free(&c);
	return status;
}

/* Modes. */

static int
run_message(const struct submit_arguments *a, const struct place *p)
{
	struct user user = {.full_name = NULL};
	int status;

	if (a->n_rcpts == 0 && !a->take_recipients)
		return complain(a, EX_USAGE,
		    "to whom? Recipients stand behind the options, or with -t "
		    "in the message");
	find_user(a, p, &user);
	status = send_message(a, p, &user);
	mem_free(user.full_name);
	return status;
}

static int
run_smtp(const struct submit_arguments *a, const struct place *p)
{
	struct fault f;
	int fd = hand_in_connect(p->listener, WAIT_MS, &f), status;

	if (fd < 0) {
		printf("421 4.3.2 posthouse-smtpd does not answer\r\n");
		return complain_fault(a, &f);
	}
	status = hand_in_relay(fd);
	close(fd);
	return status;
}

static int
run_queue(const struct submit_arguments *a, const struct place *p)
{
	struct fault f;
	int rc = a->mode == SUBMIT_LIST ? mailq_list(stdout, p->control, &f)
					: mailq_flush(p->control, a->flush_id,
					      a->flush_domain, &f);

	if (rc < 0 && strcmp(f.dsn, "4.7.0") == 0)
		return complain(a, EX_NOPERM, f.text);
	if (rc < 0)
		return complain_fault(a, &f);
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int
run(const struct submit_arguments *a)
{
	struct place place = {.conf = NULL};
	int status = EX_CONFIG;
	struct fault f;

	if (a->mode == SUBMIT_ALIASES) {
		printf("Aliases are in the directory and need no rebuilding: "
		       "\"posthouse alias list\" shows them.\n");
		return EX_OK;
	}
	if (read_place(a->file, &place, &f) < 0)
		status = complain_fault(a, &f);
	else if (a->mode == SUBMIT_LIST || a->mode == SUBMIT_FLUSH)
		status = run_queue(a, &place);
	else if (need_listener(&place, a->file, &f) < 0)
		status = complain_fault(a, &f);
	else if (a->mode == SUBMIT_SMTP)
		status = run_smtp(a, &place);
	else
		status = run_message(a, &place);
	conf_free(&place.conf);
	return status;
}

int
main(int argc, char **argv)
{
	struct submit_arguments arguments;
	struct fault f;

	/* A descriptor of ours must not become one of the standard three. */
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return EX_OSERR;
	(void)signal(SIGPIPE, SIG_IGN);
	if (submit_arguments_read(argc, argv, &arguments, &f) < 0)
		return complain(&arguments, EX_USAGE, f.text);
	return run(&arguments);
}
