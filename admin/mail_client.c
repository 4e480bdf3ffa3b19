/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "admin/mail_client.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/apart.h"
#include "admin/call.h"
#include "admin/trace_filter.h"
#include "base/options.h"
#include "proto/address.h"

enum { NOTE_MAX = 4096 };

static int
check_right(const struct mail_client *m, struct fault *f)
{
	if (geteuid() == 0 || access(m->place.root, R_OK | W_OK | X_OK) == 0 ||
	    errno != EACCES)
		return 0;
	return fault_temp(f, "4.7.0",
	    "we have no right to %s: run this as root, or as the user that it "
	    "belongs to",
	    m->place.root);
}

static int
take_right(
    const struct mail_client *m, enum mail_client_right right, struct fault *f)
{
	if (right == MAIL_CLIENT_READ)
		return 0;
	if (right == MAIL_CLIENT_CHANGE)
		return geteuid() == 0 ? place_become_user(&m->place, f) : 0;
	if (place_prepare(m->conf, &m->place, f) < 0 ||
	    place_become_reader(&m->place, f) < 0)
		return -1;
	if (mkdir(m->place.root, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", m->place.root);
	return 0;
}

static int
read_conf(struct mail_client *m, const struct cmd_line *line, struct fault *f)
{
	m->conf = place_read_conf(line->file, false, f);
	if (m->conf == NULL || place_of(m->conf, PLACE_LMTPD, &m->place, f) < 0)
		return -1;
	m->options = conf_get(m->conf, &lmtpd_table);
	return 0;
}

int
mail_client_prepare(
    struct mail_client *m, const struct cmd_line *line, struct fault *f)
{
	*m = (struct mail_client){0};
	return read_conf(m, line, f) < 0 ? -1 : check_right(m, f);
}

int
mail_client_begin(
    struct mail_client *m, enum mail_client_right right, struct fault *f)
{
	const struct common_options *common = conf_get(m->conf, &common_table);

	if (take_right(m, right, f) < 0)
		return -1;
	m->client = client_new(m->place.root,
	    common->hostname != NULL ? common->hostname : "localhost", f);
	return m->client == NULL ? -1 : 0;
}

int
mail_client_open(struct mail_client *m, const struct cmd_line *line,
    enum mail_client_right right, struct fault *f)
{
	*m = (struct mail_client){0};
	return read_conf(m, line, f) < 0 ? -1 : mail_client_begin(m, right, f);
}

void
mail_client_close(struct mail_client *m)
{
	client_free(&m->client);
	if (m->conf != NULL)
		conf_free(&m->conf);
}

int
mail_client_name(
    const char *text, struct mailbox_name *mailbox, struct fault *f)
{
	char key[ADDRESS_TEXT_SIZE];
	struct address a;

	if (address_parse(str(text), &a, f) < 0)
		return -1;
	if (!address_key(&a, key))
		return fault_perm(f, "5.1.3", "%.100s is no mailbox", text);
	return mailbox_name_parse(str(key), mailbox, f);
}

int
mail_client_folder(
    const struct cmd_line *line, struct mailbox_folder *folder, struct fault *f)
{
	const char *text = cmd_option(line, "folder");

	if (text == NULL)
		return 0;
	if (text[0] == '\0')
		return fault_perm(f, "5.5.4", "--folder: which one?");
	return mailbox_folder_parse(str(text), folder, f) < 0 ? -1 : 1;
}

int
mail_client_time(const struct cmd_line *line, const char *name, int64_t missing,
    int64_t *when, struct fault *f)
{
	bool last = str_is(str(name), STR_LIT("until"));
	const char *text = cmd_option(line, name);
	int64_t us;

	*when = missing;
	if (text == NULL)
		return 0;
	if (!trace_parse_when(
		str(text), (int64_t)time(NULL) * 1000000, last, &us))
		return fault_perm(f, "5.5.4",
		    "--%s: \"%.40s\" is neither a time nor how long ago", name,
		    text);
	*when = us / 1000000;
	return 0;
}

int
mail_client_note(const struct cmd_line *line, const char *what,
    const char *name, const char *detail, struct fault *f)
{
	json_t *params = json_new_object();

	json_put_text(params, "what", what);
	json_put_text(params, "name", name);
	json_put_text(params, "detail", detail);
	return call_once(line, PLACE_LMTPD, "audit.add", params, NULL, f);
}

int
mail_client_note_options(const struct cmd_line *line, const char *what,
    const char *name, const char *detail, struct fault *f)
{
	struct buf b;
	int rc;

	buf_init(&b, NOTE_MAX);
	buf_puts(&b, detail);
	for (size_t i = 0; i < line->n_options; i++) {
		const char *value = line->options[i].value;

		buf_putf(&b, "%s--%s", buf_len(&b) > 0 ? " " : "",
		    line->options[i].name);
		if (value != NULL && value[0] != '\0')
			buf_putf(&b, " %s", value);
	}
	rc = mail_client_note(line, what, name, buf_text(&b), f);
	buf_clear(&b);
	return rc;
}

struct noting {
	const struct cmd_line *line;
	const char *what, *name, *detail;
};

static int
note_apart(void *ctx, struct buf *answer, struct fault *f)
{
	const struct noting *n = ctx;

	(void)answer;
	return mail_client_note_options(
	    n->line, n->what, n->name, n->detail, f);
}

int
mail_client_note_apart(const struct cmd_line *line, const char *what,
    const char *name, const char *detail, struct fault *f)
{
	struct noting noting = {line, what, name, detail};

	struct buf none;
	int rc;

	buf_init(&none, 1);
	rc = apart_run(note_apart, &noting, &none, f);
	buf_clear(&none);
	return rc;
}

bool
mail_client_confirm(const struct cmd_line *line, const char *question)
{
	char answer[16] = "";

	if (line->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return true;
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (fgets(answer, sizeof answer, stdin) == NULL)
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}
