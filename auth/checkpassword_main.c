/* SPDX-License-Identifier: ISC */
/*
 * posthouse-checkpassword: a program of qmail's kind, or Dovecot's, that has
 * posthouse-authd check a password. It has no rights beyond its caller's, and
 * hashes never come here.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/checkpassword.h"
#include "auth/name.h"
#include "auth/options.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/net.h"
#include "base/options.h"
#include "proto/auth_client.h"
#include "proto/quota_value.h"
#include "proto/socketmap.h"

enum {
	WAIT_MS = 120000, /* longer than a refusal is ever delayed */
	PATH_SIZE = 512,
};

static const char program[] = "posthouse-checkpassword";

struct place {
	struct conf *conf;
	struct net_address auth, socketmap;
	struct homes homes;
};

static void leave(int status, const char *fmt, ...) FORMAT(2, 3) NORETURN;

static void
leave(int status, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

/* The first address that authd listens at. */
static int
find_address(const struct conf_list *list, const char *run_dir,
    const char *name, struct net_address *address, struct fault *f)
{
	char text[PATH_SIZE];

	if (list->n > 0)
		return net_parse(str(list->items[0]), address, f);
	snprintf(text, sizeof text, "unix:%s/%s", run_dir, name);
	return net_parse(str(text), address, f);
}

static int
read_place(const char *file, struct place *p, struct fault *f)
{
	static const struct conf_table *const tables[] = {
	    &common_table, &authd_table};
	const struct common_options *common;
	const struct authd_options *o;

	if (access(file, R_OK) < 0)
		return fault_errno(f, "%s", file);
	p->conf = conf_read(file, tables, ARRAY_LEN(tables), false, f);
	if (p->conf == NULL)
		return -1;
	common = conf_get(p->conf, &common_table);
	o = conf_get(p->conf, &authd_table);
	if (o->mail_root == NULL)
		return fault_perm(f, "5.3.5",
		    "%s: mail_root is not set: nobody has a home", file);
	if (find_address(&o->auth, common->run_dir, "auth.sock", &p->auth, f) <
		0 ||
	    find_address(&o->socketmap, common->run_dir, "socketmap.sock",
		&p->socketmap, f) < 0)
		return -1;
	return homes_init(&p->homes, o->mail_root, o->mail_user, f);
}

/* All of descriptor 3, up to its end. */
static void
read_input(struct buf *in)
{
	char *at;
	size_t room;
	ssize_t n;

	do {
		at = buf_space(in, 1, &room);
		if (at == NULL)
			leave(CHECKPASSWORD_MISUSE, "too much on descriptor 3");
		n = read(CHECKPASSWORD_FD, at, room);
		if (n > 0)
			buf_added(in, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		leave(
		    CHECKPASSWORD_MISUSE, "descriptor 3: %s", strerror(errno));
	close(CHECKPASSWORD_FD);
}

static const char *
environment(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : fallback;
}

/* Whoever calls us is local, and had the password without us. */
static void
check(const struct place *p, struct str user, struct str password,
    struct buf *login)
{
	const struct auth_facts facts = {
	    .remote = environment("TCPREMOTEIP", NULL), .secured = true};
	struct auth_client *client = auth_client_new(
	    &p->auth, environment("SERVICE", "checkpassword"), WAIT_MS);
	struct auth_exchange *exchange = auth_exchange_new(client, &facts);
	struct buf response, challenge;
	enum auth_result result;
	struct fault f = {.text = "refused"};

	buf_init_secret(&response, CHECKPASSWORD_MAX + 2);
	buf_init(&challenge, CHECKPASSWORD_MAX);
	buf_putc(&response, '\0');
	buf_put_str(&response, user);
	buf_putc(&response, '\0');
	buf_put_str(&response, password);
	result = auth_exchange_step(
	    exchange, "PLAIN", buf_str(&response), true, &challenge, login, &f);
	buf_clear(&response);
	buf_clear(&challenge);
	auth_exchange_free(&exchange);
	auth_client_free(&client);
	if (result == AUTH_TEMP)
		leave(CHECKPASSWORD_TEMPORARY, "%s", f.text);
	if (result != AUTH_OK)
		exit(CHECKPASSWORD_REFUSED);
}

/* For Dovecot. Who cannot be asked now has none: mail is read all the same. */
static void
find_quota_rule(const struct place *p, struct str user, struct buf *rule)
{
	const struct socketmap_client_conf conf = {
	    .address = p->socketmap, .timeout_ms = WAIT_MS};
	struct socketmap_client *client = socketmap_client_new(&conf);
	struct quota_value quota;
	struct buf value;
	struct fault f;

	buf_init(&value, SOCKETMAP_REPLY_MAX);
	if (socketmap_look_up(client, "quota", user, &value, &f) > 0 &&
	    quota_value_parse(buf_str(&value), &quota))
		quota_value_put_rule(rule, &quota);
	buf_clear(&value);
	socketmap_client_free(&client);
}

/* An address of the user's is not the user. */
static void
look_up(const struct place *p, struct str user, struct buf *login)
{
	const struct socketmap_client_conf conf = {
	    .address = p->socketmap, .timeout_ms = WAIT_MS};
	struct socketmap_client *client = socketmap_client_new(&conf);
	char key[NAME_SIZE];
	struct fault f;
	int rc = 0;

	if (name_key(user, key))
		rc = socketmap_look_up(client, "mailbox", str(key), login, &f);
	socketmap_client_free(&client);
	if (rc < 0 && f.kind == FAULT_TEMP)
		leave(CHECKPASSWORD_TEMPORARY, "%s", f.text);
	if (rc <= 0 || !str_is(buf_str(login), str(key)))
		exit(CHECKPASSWORD_UNKNOWN);
}

static void
print_usage(FILE *to)
{
	fprintf(to, "usage: %s [-c FILE] PROGRAM [ARGUMENT ...]\n", program);
}

static const char *
take_arguments(int argc, char **argv)
{
	const char *file = SYSCONFDIR "/posthouse/posthouse.conf";
	int c;

	/* The first that is no option is the program, whose options are its
	 * own. */
	while ((c = getopt(argc, argv, "+c:hV")) != -1) {
		switch (c) {
		case 'c':
			file = optarg;
			break;
		case 'h':
			print_usage(stdout);
			exit(0);
		case 'V':
			printf("%s %s\n", program, PACKAGE_VERSION);
			exit(0);
		default:
			print_usage(stderr);
			exit(CHECKPASSWORD_MISUSE);
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		exit(CHECKPASSWORD_MISUSE);
	}
	return file;
}

int
main(int argc, char **argv)
{
	const char *file = take_arguments(argc, argv);
	struct str user, password;
	struct buf in, login, rule;
	struct place p = {0};
	struct home home;
	struct fault f;

	buf_init_secret(&in, CHECKPASSWORD_MAX);
	buf_init(&login, SOCKETMAP_REPLY_MAX);
	buf_init(&rule, 128);
	read_input(&in);
	if (!checkpassword_parse(buf_str(&in), &user, &password))
		leave(CHECKPASSWORD_MISUSE,
		    "descriptor 3 has no name, password and timestamp");
	if (read_place(file, &p, &f) < 0)
		leave(CHECKPASSWORD_TEMPORARY, "%s", f.text);
	if (checkpassword_is_lookup())
		look_up(&p, user, &login);
	else
		check(&p, user, password, &login);
	buf_clear(&in);
	if (!home_find(&p.homes, buf_str(&login), &home))
		leave(CHECKPASSWORD_TEMPORARY, "%s has no home",
		    buf_text(&login));
	find_quota_rule(&p, buf_str(&login), &rule);
	checkpassword_set_environment(buf_text(&login), &home, buf_text(&rule));
	if (checkpassword_become(&home, &f) < 0)
		leave(CHECKPASSWORD_TEMPORARY, "%s", f.text);
	buf_clear(&login);
	buf_clear(&rule);
	conf_free(&p.conf);
	execvp(argv[optind], argv + optind);
	leave(CHECKPASSWORD_TEMPORARY, "%s: %s", argv[optind], strerror(errno));
}
