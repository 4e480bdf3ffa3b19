/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/sender.h"

#include "mta/smtpd/note.h"
#include "proto/socketmap.h"

enum {
	HEADER_MAX = 1 << 20,
	AUTHORS_MAX = 20, /* of a message */
};

/* Whether one of the logins that the directory names is the user. */
static bool
has_login(struct str logins, struct str user)
{
	while (logins.len > 0)
		if (str_is_nocase(str_cut(&logins, ' '), user))
			return true;
	return false;
}

/* 1 where the user may send as the address, 0, or -1 and the fault, which is
 * temporary. */
static int
ask_directory(struct smtpd_session *s, struct str user,
    const struct address *address, struct fault *f)
{
	char key[ADDRESS_TEXT_SIZE];
	struct buf logins;
	struct fault why;
	int found = 0;

	buf_init(&logins, SOCKETMAP_REPLY_MAX);
	if (address_key(address, key)) {
		found = socketmap_look_up(
		    s->smtpd->directory, "sender", str(key), &logins, &why);
		note_look_up(s->notes, "sender", str(key), found,
		    buf_str(&logins), &why);
	}
	if (found > 0)
		found = has_login(buf_str(&logins), user);
	buf_clear(&logins);
	if (found >= 0 || why.kind == FAULT_PERM)
		return found > 0;
	log_warn(&s->log, "no directory", "reason", why.text, NULL);
	return fault_temp(
	    f, "4.3.0", "the directory is not available, try later");
}

static int
not_yours(const struct smtpd_session *s, const char *field,
    const struct address *address, struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE];

	address_format(address, text);
	return fault_perm(f, "5.7.1",
	    "%s<%s>: not an address that %s may send as", field, text,
	    s->local == NULL ? "you" : s->local->name);
}

static void
note_local(const struct smtpd_session *s)
{
	if (s->local->is_anyone && s->local->uid != 0)
		note_option(s->notes, "trusted_users", "%s", s->local->name);
	else
		note_rule(s->notes, "local user", "%s: uid %u", s->local->name,
		    (unsigned)s->local->uid);
}

int
sender_check(struct smtpd_session *s, const struct smtp_state *st,
    const struct address *sender, struct fault *f)
{
	struct str user = smtpd_session_user(s, st);
	int rc;

	if (user.len == 0)
		return 0;
	if (!s->smtpd->options->sender_check) {
		note_option(s->notes, "sender_check", "off");
		return 0;
	}
	if (address_is_null(sender)) {
		note_rule(s->notes, "null sender", "everybody may use it");
		return 0;
	}
	if (s->local != NULL && local_user_is_sender(s->local, sender)) {
		note_local(s);
		return 0;
	}
	note_option(s->notes, "sender_check", "on, for %.*s", STR_ARG(user));
	rc = ask_directory(s, user, sender, f);
	if (rc == 0)
		return not_yours(s, "", sender, f);
	return rc < 0 ? -1 : 0;
}

/* What readers see. */

struct authors {
	struct smtpd_session *session;
	struct str user;
	const struct address *sender; /* that was found right already */
	const char *field;            /* "From: " */
	bool has_from, has_sender;
	size_t n;
	int rc;
	struct fault *f;
};

/* Most often it is the envelope's. */
static bool
is_sender(const struct authors *a, const struct address *address)
{
	char one[ADDRESS_TEXT_SIZE], other[ADDRESS_TEXT_SIZE];

	return !address_is_null(a->sender) && address_key(a->sender, one) &&
	       address_key(address, other) && str_is(str(one), str(other));
}

static void
check_author(void *ctx, struct str spec)
{
	struct authors *a = ctx;
	struct address address;
	struct fault ignored;

	if (a->rc < 0)
		return;
	if (++a->n > AUTHORS_MAX)
		a->rc = fault_perm(a->f, "5.7.1", "%smore than %d addresses",
		    a->field, AUTHORS_MAX);
	else if (address_parse(spec, &address, &ignored) < 0)
		a->rc = fault_perm(a->f, "5.7.1",
		    "%sthere is something that is no address", a->field);
	else if (!is_sender(a, &address))
		a->rc = ask_directory(a->session, a->user, &address, a->f);
	else
		a->rc = 1;
	if (a->rc == 0)
		a->rc = not_yours(a->session, a->field, &address, a->f);
}

static int
check_addresses(struct authors *a, struct str value)
{
	size_t before = a->n;
	bool is_good = header_each_address(value, check_author, a);

	if (a->rc < 0)
		return -1;
	if (!is_good)
		return fault_perm(
		    a->f, "5.7.1", "%sthis cannot be read", a->field);
	if (a->n == before)
		return fault_perm(
		    a->f, "5.7.1", "%sthere is no address", a->field);
	return 0;
}

static int
check_field(struct authors *a, const struct header_field *field)
{
	bool is_from = str_is_nocase(field->name, STR_LIT("From"));
	bool *has = is_from ? &a->has_from : &a->has_sender;

	if (!is_from && !str_is_nocase(field->name, STR_LIT("Sender")))
		return 0;
	a->field = is_from ? "From: " : "Sender: ";
	/* Nobody knows which of them a reader would see. */
	if (*has)
		return fault_perm(a->f, "5.7.1",
		    "%sthere is more than one such field", a->field);
	*has = true;
	return check_addresses(a, field->value);
}

int
sender_check_authors(
    struct smtpd_session *s, const struct smtp_state *st, struct fault *f)
{
	struct authors a = {
	    .session = s,
	    .user = smtpd_session_user(s, st),
	    .sender = &st->mail->reverse_path,
	    .f = f,
	};
	struct header_field field;
	struct buf header;
	struct str rest;
	int rc = 0;

	if (a.user.len == 0 || s->local != NULL ||
	    !s->smtpd->options->sender_check || !s->smtpd->options->from_check)
		return 0;
	buf_init(&header, HEADER_MAX);
	if (!message_read_header(s->message, &header))
		rc = fault_perm(
		    f, "5.3.4", "the header section is too long to be checked");
	rest = buf_str(&header);
	while (rc == 0 && header_next(&rest, &field))
		rc = check_field(&a, &field);
	buf_clear(&header);
	return rc;
}
