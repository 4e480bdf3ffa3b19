/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>

#include "proto/address.h"
#include "tests/unit/auth/place.h"

/* What a call that must fail has said. */
#define ck_assert_fault(call, code)                                 \
	do {                                                        \
		struct fault f = {.text = ""};                      \
		ck_assert_msg((call) == -1, "%s went well", #call); \
		ck_assert_str_eq(f.dsn, code);                      \
		ck_assert_int_eq(f.kind, FAULT_PERM);               \
		ck_assert_str_ne(f.text, "");                       \
	} while (0)

static struct directory *d;

static struct directory *
with_domain(void)
{
	d = new_directory();
	add_domain(d, "example.org");
	return d;
}

static void
assert_answer(int rc, struct buf *b, const struct fault *f, const char *want)
{
	ck_assert_msg(rc == (want != NULL), "%d %s: %s", rc, f->dsn, f->text);
	ck_assert_str_eq(buf_text(b), want != NULL ? want : "");
	buf_clear(b);
}

static void
assert_resolves(const char *recipient, const char *mailboxes)
{
	struct fault f = {.text = ""};
	struct buf b;
	int rc;

	buf_init(&b, 1 << 20);
	buf_puts(&b, "old");
	rc = directory_resolve(d, str(recipient), &b, &f);
	assert_answer(rc, &b, &f, mailboxes);
}

static void
assert_senders(const char *address, const char *logins)
{
	struct fault f = {.text = ""};
	struct buf b;
	int rc;

	buf_init(&b, 1 << 20);
	buf_puts(&b, "old");
	rc = directory_senders(d, str(address), &b, &f);
	assert_answer(rc, &b, &f, logins);
}

static void
assert_resolve_fault(const char *recipient, const char *dsn)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	ck_assert_fault(directory_resolve(d, str(recipient), &b, &f), dsn);
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_clear(&b);
}

START_TEST(directory_knows_what_was_added)
{
	struct directory_user user;
	struct fault f;

	with_domain();
	add_user(d, "Ann@Example.ORG", "$y$hash");
	ck_assert_int_eq(directory_domain_get(d, str("EXAMPLE.org"), &f), 1);
	ck_assert_int_eq(directory_domain_get(d, str("example.com"), &f), 0);
	ck_assert_int_eq(directory_domain_get(d, str("no domain"), &f), 0);
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &user, &f), 1);
	ck_assert_str_eq(user.name, "ann@example.org");
	ck_assert_str_eq(user.hash, "$y$hash");
	ck_assert(!user.disabled);
	ck_assert_int_gt(user.created, 1600000000);
	ck_assert_int_eq(user.changed, user.created);
	ck_assert_int_eq(
	    directory_user_get(d, str("bob@example.org"), &user, &f), 0);
	ck_assert_int_eq(directory_user_get(d, str("ann"), &user, &f), 0);
	ck_assert_int_eq(
	    directory_user_get(d, str("ANN@EXAMPLE.ORG"), NULL, &f), 1);
	end_directory(&d);
}
END_TEST

START_TEST(directory_refuses_what_exists)
{
	struct str target = STR_LIT("ann@example.org");

	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_alias(d, "sales@example.org", "ann@example.org");
	ck_assert_fault(
	    directory_domain_add(d, str("Example.org"), &f), "5.1.0");
	ck_assert_fault(
	    directory_user_add(d, str("ANN@example.org"), NULL, &f), "5.1.0");
	ck_assert_fault(
	    directory_user_add(d, str("sales@example.org"), NULL, &f), "5.1.0");
	ck_assert_fault(
	    directory_alias_add(d, str("Sales@example.org"), &target, 1, &f),
	    "5.1.0");
	target = STR_LIT("bob@example.org");
	ck_assert_fault(
	    directory_alias_add(d, str("ann@example.org"), &target, 1, &f),
	    "5.1.0");
	end_directory(&d);
}
END_TEST

START_TEST(directory_refuses_what_is_missing)
{
	with_domain();
	ck_assert_fault(
	    directory_domain_del(d, str("example.com"), &f), "5.1.1");
	ck_assert_fault(directory_domain_del(d, str("?"), &f), "5.1.1");
	ck_assert_fault(
	    directory_user_del(d, str("ann@example.org"), &f), "5.1.1");
	ck_assert_fault(directory_user_del(d, str("ann"), &f), "5.1.1");
	ck_assert_fault(
	    directory_user_set_password(d, str("ann@example.org"), NULL, &f),
	    "5.1.1");
	ck_assert_fault(
	    directory_user_set_disabled(d, str("ann@example.org"), true, &f),
	    "5.1.1");
	ck_assert_fault(
	    directory_alias_del(d, str("ann@example.org"), &f), "5.1.1");
	end_directory(&d);
}
END_TEST

START_TEST(directory_refuses_domains_that_are_not_ours)
{
	struct str target = STR_LIT("ann@example.org");

	with_domain();
	ck_assert_fault(
	    directory_user_add(d, str("ann@example.com"), NULL, &f), "5.1.2");
	ck_assert_fault(
	    directory_alias_add(d, str("x@example.com"), &target, 1, &f),
	    "5.1.2");
	ck_assert_fault(
	    directory_alias_add(d, str("@example.com"), &target, 1, &f),
	    "5.1.2");
	assert_resolves("x@example.com", NULL);
	end_directory(&d);
}
END_TEST

static const char *const hostile[] = {
    "../x@example.org",
    "a/b@example.org",
    ".x@example.org",
    "-x@example.org",
    "a b@example.org",
    "\"a b\"@example.org",
    "a\nb@example.org",
    "a%b@example.org",
    "@example.org",
    "x",
    "",
    "x@[192.0.2.1]",
};

START_TEST(directory_refuses_names_that_could_not_be_mailboxes)
{
	struct str ok = STR_LIT("ann@example.org");

	with_domain();
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		struct str name = str(hostile[i]);

		ck_assert_fault(directory_user_add(d, name, NULL, &f), "5.1.3");
		ck_assert_fault(
		    directory_alias_add(d, ok, &name, 1, &f), "5.1.3");
		if (hostile[i][0] != '@')
			ck_assert_fault(
			    directory_alias_add(d, name, &ok, 1, &f), "5.1.3");
	}
	ck_assert_fault(directory_domain_add(d, str(""), &f), "5.1.3");
	ck_assert_fault(directory_domain_add(d, str("../x"), &f), "5.1.3");
	ck_assert_fault(
	    directory_domain_add(d, str("a_b.example"), &f), "5.1.3");
	end_directory(&d);
}
END_TEST

START_TEST(directory_bounds_targets)
{
	struct str target = STR_LIT("ann@example.org");
	struct str *many =
	    calloc(DIRECTORY_TARGETS_MAX + 1, sizeof(struct str));

	with_domain();
	ck_assert_fault(
	    directory_alias_add(d, str("x@example.org"), &target, 0, &f),
	    "5.1.3");
	for (size_t i = 0; i <= DIRECTORY_TARGETS_MAX; i++)
		many[i] = target;
	ck_assert_fault(directory_alias_add(d, str("x@example.org"), many,
			    DIRECTORY_TARGETS_MAX + 1, &f),
	    "5.1.3");
	ck_assert_fault(
	    directory_alias_add(d, str("Ann@example.org"), &target, 1, &f),
	    "5.4.6");
	free(many);
	end_directory(&d);
}
END_TEST

START_TEST(directory_keeps_domains_that_are_in_use)
{
	struct fault g;

	with_domain();
	add_domain(d, "example.org.uk");
	add_domain(d, "example.or");
	add_user(d, "ann@example.org", NULL);
	add_alias(d, "@example.org", "ann@example.org");
	ck_assert_fault(
	    directory_domain_del(d, str("example.org"), &f), "5.1.0");
	ck_assert_int_eq(directory_user_del(d, str("Ann@example.org"), &g), 0);
	ck_assert_fault(
	    directory_domain_del(d, str("example.org"), &f), "5.1.0");
	ck_assert_int_eq(directory_alias_del(d, str("@example.org"), &g), 0);
	ck_assert_int_eq(directory_domain_del(d, str("Example.org"), &g), 0);
	ck_assert_int_eq(directory_domain_get(d, str("example.org"), &g), 0);
	ck_assert_int_eq(directory_domain_get(d, str("example.or"), &g), 1);
	end_directory(&d);
}
END_TEST

static struct fault why;
static const struct directory_password both = {
    .hash = "$y$hash",
    .scram = {"SCRAM-SHA-256$4096:c2FsdA==$a:b", "SCRAM-SHA-1$4096:c2E=$c:d"},
    .cram = {true, "not the last byte is zero, see?"},
};

static int
get_keys(const char *user, struct scram_keys *keys)
{
	return directory_user_get_scram(d, str(user), keys, &why);
}

START_TEST(keys_come_and_go_with_the_password_and_its_user)
{
	const struct directory_password hash = {.hash = "$y$other"};
	struct str ann = STR_LIT("ann@example.org");
	struct scram_keys keys;
	struct cram_key cram;

	with_domain();
	ck_assert_int_eq(directory_user_add(d, ann, &both, &why), 0);
	add_user(d, "anna@example.org", NULL);
	ck_assert_int_eq(get_keys("ANN@example.org", &keys), 1);
	ck_assert_str_eq(keys.sha256, both.scram.sha256);
	ck_assert_str_eq(keys.sha1, both.scram.sha1);
	ck_assert_int_eq(directory_user_get_cram(d, ann, &cram, &why), 1);
	ck_assert_mem_eq(cram.state, both.cram.state, sizeof cram.state);
	ck_assert_int_eq(get_keys("anna@example.org", &keys), 0);
	ck_assert_str_eq(keys.sha256, "");
	/* A hash alone leaves no keys of the old password. */
	ck_assert_int_eq(directory_user_set_password(d, ann, &hash, &why), 0);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 0);
	ck_assert_int_eq(directory_user_get_cram(d, ann, &cram, &why), 0);
	ck_assert(!cram.is_set);
	ck_assert_int_eq(directory_user_set_password(d, ann, &both, &why), 0);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 1);
	/* Who gets the name next does not inherit them. */
	ck_assert_int_eq(directory_user_del(d, ann, &why), 0);
	add_user(d, "ann@example.org", NULL);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 0);
	end_directory(&d);
}
END_TEST

START_TEST(keys_are_not_added_to_another_password)
{
	struct str ann = STR_LIT("ann@example.org");
	struct directory_user user;
	struct scram_keys keys;

	with_domain();
	add_user(d, "ann@example.org", "$y$old");
	ck_assert_int_eq(directory_user_get(d, ann, &user, &why), 1);
	ck_assert_int_eq(directory_user_add_forms(d, &user, &both, &why), 0);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 1);
	ck_assert_int_eq(directory_user_set_password(d, ann, NULL, &why), 0);
	ck_assert_int_eq(directory_user_add_forms(d, &user, &both, &why), 0);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 0);
	end_directory(&d);
}
END_TEST

START_TEST(directory_changes_users)
{
	const struct directory_password password = {.hash = "$6$x"};
	struct directory_user user;
	struct fault f;

	with_domain();
	add_user(d, "ann@example.org", NULL);
	ck_assert_int_eq(directory_user_set_password(
			     d, str("Ann@example.org"), &password, &f),
	    0);
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("ann@EXAMPLE.org"), true, &f),
	    0);
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &user, &f), 1);
	ck_assert_str_eq(user.hash, "$6$x");
	ck_assert(user.disabled);
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("ann@example.org"), false, &f),
	    0);
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &user, &f), 1);
	ck_assert(!user.disabled);
	ck_assert_str_eq(user.hash, "$6$x");
	end_directory(&d);
}
END_TEST

START_TEST(directory_is_the_same_when_opened_again)
{
	struct directory_user before, after;
	struct fault f;

	with_domain();
	add_user(d, "ann@example.org", "$y$hash with blanks");
	add_alias(d, "sales@example.org", "ann@example.org bob@example.org");
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &before, &f), 1);
	directory_close(&d);
	ck_assert_ptr_null(d);
	d = open_directory();
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &after, &f), 1);
	ck_assert_str_eq(after.hash, before.hash);
	ck_assert_int_eq(after.created, before.created);
	assert_resolves("sales@example.org", "ann@example.org");
	end_directory(&d);
}
END_TEST

/* A process that dies right behind a change: the change stays. */
START_TEST(directory_keeps_changes_of_a_killed_process)
{
	int status;
	pid_t pid;

	make_place();
	pid = fork();
	if (pid == 0) {
		d = open_directory();
		add_domain(d, "example.org");
		add_user(d, "ann@example.org", NULL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	d = open_directory();
	assert_resolves("ann@example.org", "ann@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(directory_has_one_owner)
{
	const struct directory_conf conf = {.dir = directory_path()};
	struct fault f = {.text = ""};

	/* A database may have many. */
	if (test_database() != NULL)
		return;
	with_domain();
	ck_assert_ptr_null(directory_open(&conf, &f));
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.3.2");
	end_directory(&d);
}
END_TEST

START_TEST(resolve_finds_users_in_any_spelling)
{
	with_domain();
	add_domain(d, "m\xc3\xbcnchen.example");
	add_user(d, "ann@example.org", NULL);
	add_user(d, "j\xc3\xb6rg@m\xc3\xbcnchen.example", NULL);
	assert_resolves("ann@example.org", "ann@example.org");
	assert_resolves("ANN@Example.Org", "ann@example.org");
	assert_resolves("j\xc3\xb6rg@xn--mnchen-3ya.example",
	    "j\xc3\xb6rg@xn--mnchen-3ya.example");
	assert_resolves("bob@example.org", NULL);
	assert_resolves("ann@example.com", NULL);
	assert_resolves("ann", NULL);
	assert_resolves("", NULL);
	assert_resolves("@example.org", NULL);
	assert_resolves("ann@", NULL);
	end_directory(&d);
}
END_TEST

START_TEST(resolve_keeps_the_sub_address_of_a_user)
{
	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_alias(d, "sales@example.org", "ann@example.org");
	assert_resolves("ann+Lists@example.org", "ann+lists@example.org");
	assert_resolves("ann+@example.org", "ann+@example.org");
	assert_resolves("ann+a+b@example.org", "ann+a+b@example.org");
	assert_resolves("sales+x@example.org", "ann@example.org");
	assert_resolves("bob+x@example.org", NULL);
	end_directory(&d);
}
END_TEST

START_TEST(resolve_prefers_the_exact_name_to_the_sub_address)
{
	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_user(d, "bob@example.org", NULL);
	add_user(d, "ann+private@example.org", NULL);
	add_alias(d, "ann+sales@example.org", "bob@example.org");
	assert_resolves("ann+sales@example.org", "bob@example.org");
	assert_resolves("ann+private@example.org", "ann+private@example.org");
	assert_resolves("ann+other@example.org", "ann+other@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(resolve_expands_aliases_to_the_end)
{
	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_user(d, "bob@example.org", NULL);
	add_alias(d, "all@example.org",
	    "team@example.org bob@example.org gone@example.org");
	add_alias(
	    d, "team@example.org", "ann+team@example.org bob@example.org");
	assert_resolves(
	    "team@example.org", "ann+team@example.org bob@example.org");
	assert_resolves(
	    "All@example.org", "bob@example.org ann+team@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(resolve_gives_targets_that_leave_the_house)
{
	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_alias(d, "both@example.org", "jane@far.example ann@example.org");
	add_alias(d, "all@example.org", "both@example.org gone@example.org");
	assert_resolves("all@example.org", "jane@far.example ann@example.org");
	assert_senders("all@example.org", "ann@example.org");
	/* Nobody is forwarded for the asking. */
	assert_resolves("jane@far.example", NULL);
	/* The day that its domain becomes ours it is one of us, or nobody. */
	add_domain(d, "far.example");
	assert_resolves("all@example.org", "ann@example.org");
	end_directory(&d);
}
END_TEST

static void
assert_srs(
    int (*call)(struct directory *, struct str, struct buf *, struct fault *),
    const char *address, char text[ADDRESS_TEXT_SIZE])
{
	struct fault f = {.text = ""};
	struct buf b;
	int rc;

	buf_init(&b, ADDRESS_TEXT_SIZE - 1);
	buf_puts(&b, "old");
	rc = call(d, str(address), &b, &f);
	ck_assert_msg(rc == 1, "%s: %d %s", address, rc, f.text);
	ck_assert(str_copy(buf_str(&b), text, ADDRESS_TEXT_SIZE));
	buf_clear(&b);
}

START_TEST(forwarded_senders_lead_back_after_a_restart)
{
	char rewritten[ADDRESS_TEXT_SIZE], back[ADDRESS_TEXT_SIZE];

	with_domain();
	directory_set_srs_domain(d, "mail.example.org");
	assert_srs(directory_srs_forward, "jane@far.example", rewritten);
	directory_close(&d);
	d = open_directory();
	directory_set_srs_domain(d, "mail.example.org");
	assert_srs(directory_srs_reverse, rewritten, back);
	ck_assert_str_eq(back, "jane@far.example");
	end_directory(&d);
}
END_TEST

START_TEST(senders_that_are_ours_or_nobody_stay)
{
	static const char *const stay[] = {"ann@example.org",
	    "ann@mail.example.org", "ann@[192.0.2.1]", "", "x"};
	struct fault ignored;
	struct buf b;

	with_domain();
	buf_init(&b, 1024);
	ck_assert_int_eq(
	    directory_srs_forward(d, str("jane@far.example"), &b, &ignored), 0);
	directory_set_srs_domain(d, "mail.example.org");
	for (size_t i = 0; i < ARRAY_LEN(stay); i++)
		ck_assert_int_eq(
		    directory_srs_forward(d, str(stay[i]), &b, &ignored), 0);
	ck_assert_int_eq(
	    directory_srs_reverse(d, str("ann@mail.example.org"), &b, &ignored),
	    0);
	ck_assert_int_eq(
	    directory_srs_reverse(
		d, str("SRS0=a=b=far.example=x@far.example"), &b, &ignored),
	    0);
	ck_assert_fault(
	    directory_srs_reverse(
		d, str("SRS0=a=b=far.example=x@mail.example.org"), &b, &f),
	    "5.1.1");
	buf_clear(&b);
	end_directory(&d);
}
END_TEST

START_TEST(resolve_uses_the_catch_all_last)
{
	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_user(d, "bob@example.org", NULL);
	add_alias(d, "@example.org", "ann@example.org");
	add_alias(d, "sales@example.org", "bob@example.org");
	assert_resolves("bob@example.org", "bob@example.org");
	assert_resolves("bob+x@example.org", "bob+x@example.org");
	assert_resolves("sales@example.org", "bob@example.org");
	assert_resolves("anybody@example.org", "ann@example.org");
	assert_resolves("any body@example.org", "ann@example.org");
	assert_resolves("any+x@example.org", "ann@example.org");
	assert_resolves("anybody@sub.example.org", NULL);
	end_directory(&d);
}
END_TEST

START_TEST(resolve_leaves_out_the_disabled)
{
	struct fault f;

	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_user(d, "bob@example.org", NULL);
	add_alias(d, "both@example.org", "ann@example.org bob@example.org");
	add_alias(d, "one@example.org", "ann@example.org");
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("ann@example.org"), true, &f),
	    0);
	assert_resolve_fault("ann@example.org", "5.2.1");
	assert_resolve_fault("ann+x@example.org", "5.2.1");
	assert_resolve_fault("one@example.org", "5.2.1");
	assert_resolves("both@example.org", "bob@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(resolve_cuts_loops)
{
	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_alias(d, "a@example.org", "b@example.org");
	add_alias(d, "b@example.org", "a@example.org");
	add_alias(d, "c@example.org", "e@example.org");
	add_alias(d, "e@example.org", "c@example.org ann@example.org");
	assert_resolve_fault("a@example.org", "5.4.6");
	assert_resolves("c@example.org", "ann@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(resolve_cuts_the_loop_of_a_catch_all)
{
	with_domain();
	add_alias(d, "@example.org", "nobody@example.org");
	assert_resolve_fault("x@example.org", "5.4.6");
	end_directory(&d);
}
END_TEST

START_TEST(resolve_finds_nobody_behind_missing_targets)
{
	with_domain();
	add_alias(d, "a@example.org", "b@example.org c@example.org");
	add_alias(d, "b@example.org", "gone@example.org");
	add_alias(d, "c@example.org", "gone@example.org");
	assert_resolves("a@example.org", NULL);
	end_directory(&d);
}
END_TEST

START_TEST(resolve_bounds_the_depth)
{
	char name[64], target[64];

	with_domain();
	add_user(d, "a0@example.org", NULL);
	for (int i = 1; i <= DIRECTORY_DEPTH_MAX + 1; i++) {
		snprintf(name, sizeof name, "a%d@example.org", i);
		snprintf(target, sizeof target, "a%d@example.org", i - 1);
		add_alias(d, name, target);
	}
	snprintf(name, sizeof name, "a%d@example.org", DIRECTORY_DEPTH_MAX);
	assert_resolves(name, "a0@example.org");
	snprintf(name, sizeof name, "a%d@example.org", DIRECTORY_DEPTH_MAX + 1);
	assert_resolve_fault(name, "5.4.6");
	end_directory(&d);
}
END_TEST

/* "u0@example.org" … as targets, from first on. */
static void
add_list(const char *alias, const char *letter, size_t n)
{
	struct str *targets = calloc(n, sizeof *targets);
	char *text = calloc(n, 32);
	struct fault f = {.text = ""};
	int rc;

	for (size_t i = 0; i < n; i++) {
		snprintf(text + i * 32, 32, "%s%zu@example.org", letter, i);
		targets[i] = str(text + i * 32);
	}
	rc = directory_alias_add(d, str(alias), targets, n, &f);
	ck_assert_msg(rc == 0, "%s", f.text);
	free(targets);
	free(text);
}

static size_t
count_names(const char *recipient)
{
	struct fault f = {.text = ""};
	struct str rest;
	struct buf b;
	size_t n = 0;
	int rc;

	buf_init(&b, 1 << 20);
	rc = directory_resolve(d, str(recipient), &b, &f);
	ck_assert_msg(rc == 1, "%s", f.text);
	for (rest = buf_str(&b); rest.len > 0; n++)
		(void)str_cut(&rest, ' ');
	buf_clear(&b);
	return n;
}

START_TEST(resolve_gives_a_thousand_mailboxes_or_none)
{
	struct buf small;

	with_domain();
	add_user(d, "u@example.org", NULL);
	/* Sub-addresses: a thousand mailboxes of one user. */
	add_list("all@example.org", "u+", DIRECTORY_TARGETS_MAX);
	add_list("other@example.org", "u+x", 1);
	add_alias(d, "more@example.org", "all@example.org other@example.org");
	ck_assert_uint_eq(count_names("all@example.org"), 1000);
	assert_resolve_fault("more@example.org", "5.4.6");
	assert_senders("all@example.org", "u@example.org");
	buf_init(&small, 100);
	ck_assert_fault(
	    directory_resolve(d, str("all@example.org"), &small, &f), "5.4.6");
	ck_assert_uint_eq(buf_len(&small), 0);
	ck_assert_fault(
	    directory_alias_get(d, str("all@example.org"), &small, &f),
	    "5.4.6");
	ck_assert_uint_eq(buf_len(&small), 0);
	buf_clear(&small);
	end_directory(&d);
}
END_TEST

START_TEST(resolve_bounds_its_work)
{
	char name[64], letter[16];

	with_domain();
	add_user(d, "ann@example.org", NULL);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "a%d@example.org", i);
		snprintf(letter, sizeof letter, "gone%d-", i);
		add_list(name, letter, DIRECTORY_TARGETS_MAX);
	}
	add_list("all@example.org", "a", 8);
	assert_resolve_fault("all@example.org", "5.4.6");
	end_directory(&d);
}
END_TEST

START_TEST(senders_are_the_users_that_an_address_leads_to)
{
	struct fault f;

	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_user(d, "bob@example.org", NULL);
	add_alias(d, "team@example.org",
	    "ann+a@example.org ann+b@example.org bob@example.org");
	assert_senders("Ann@example.org", "ann@example.org");
	assert_senders("ann+x@example.org", "ann@example.org");
	assert_senders("team@example.org", "ann@example.org bob@example.org");
	assert_senders("nobody@example.org", NULL);
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("ann@example.org"), true, &f),
	    0);
	assert_senders("ann@example.org", NULL);
	assert_senders("team@example.org", "bob@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(alias_get_is_one_level_with_commas)
{
	struct fault f = {.text = ""};
	struct buf b;

	with_domain();
	add_alias(
	    d, "a@example.org", "B@example.org c@example.org b@example.org");
	add_alias(d, "@example.org", "a@example.org");
	buf_init(&b, 4096);
	ck_assert_int_eq(
	    directory_alias_get(d, str("A@example.org"), &b, &f), 1);
	ck_assert_view_eq(buf_str(&b), "b@example.org, c@example.org");
	ck_assert_int_eq(
	    directory_alias_get(d, str("@Example.org"), &b, &f), 1);
	ck_assert_view_eq(buf_str(&b), "a@example.org");
	ck_assert_int_eq(
	    directory_alias_get(d, str("b@example.org"), &b, &f), 0);
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_clear(&b);
	end_directory(&d);
}
END_TEST

static void
assert_finds(const char *address, const char *mailbox, const char *targets)
{
	struct directory_user user;
	struct fault f = {.text = ""};
	struct buf b;
	int rc = directory_find_mailbox(d, str(address), &user, &f);

	ck_assert_msg(rc == (mailbox != NULL), "%s: %d", address, rc);
	if (mailbox != NULL)
		ck_assert_str_eq(user.name, mailbox);
	buf_init(&b, 4096);
	buf_puts(&b, "old");
	rc = directory_find_alias(d, str(address), &b, &f);
	assert_answer(rc, &b, &f, targets);
}

START_TEST(finding_is_one_level_of_resolving)
{
	with_domain();
	add_domain(d, "b.example");
	add_user(d, "ann@example.org", NULL);
	add_user(d, "ann+y@example.org", NULL);
	add_alias(d, "ann+z@example.org", "x@b.example");
	add_alias(d, "team@example.org", "ann@example.org all@example.org");
	add_alias(d, "@example.org", "ann@example.org");
	assert_finds("Ann@example.org", "ann@example.org", NULL);
	assert_finds("ann+x@example.org", "ann@example.org", NULL);
	assert_finds("ann+y@example.org", "ann+y@example.org", NULL);
	assert_finds("ann+z@example.org", NULL, "x@b.example");
	assert_finds(
	    "team@example.org", NULL, "ann@example.org, all@example.org");
	assert_finds(
	    "team+x@example.org", NULL, "ann@example.org, all@example.org");
	assert_finds("any@example.org", NULL, "ann@example.org");
	assert_finds("@example.org", NULL, "ann@example.org");
	assert_finds("any@b.example", NULL, NULL);
	assert_finds("nonsense", NULL, NULL);
	end_directory(&d);
}
END_TEST

struct listed {
	struct buf names;
	size_t n, stop;
};

static int
list(struct listed *l, const char *name)
{
	buf_putf(&l->names, "%s ", name);
	return ++l->n == l->stop ? 7 : 0;
}

static int
list_user(void *ctx, const struct directory_user *user)
{
	return list(ctx, user->name);
}

static int
list_name(void *ctx, struct str name, struct str targets)
{
	char text[256];

	ck_assert(str_copy(name, text, sizeof text));
	ck_assert_view_eq(targets, "x@example.org");
	return list(ctx, text);
}

static int
list_domain(void *ctx, const struct directory_domain *domain)
{
	return list(ctx, domain->name);
}

static void
assert_users(
    const char *domain, const char *after, size_t stop, const char *want)
{
	struct listed l = {.stop = stop};
	struct fault f = {.text = ""};
	int rc;

	buf_init(&l.names, 4096);
	rc = directory_each_user(d, str(domain), str(after), list_user, &l, &f);
	ck_assert_msg(rc == (stop > 0 ? 7 : 0), "%d %s", rc, f.text);
	ck_assert_str_eq(buf_text(&l.names), want);
	buf_clear(&l.names);
}

START_TEST(lists_are_in_order_and_go_on_behind_a_name)
{
	with_domain();
	add_domain(d, "b.example");
	add_domain(d, "example.org.uk");
	add_user(d, "zoe@b.example", NULL);
	add_user(d, "bob@example.org", NULL);
	add_user(d, "ann@example.org", NULL);
	add_user(d, "ann+x@example.org", NULL);
	add_user(d, "al@example.org.uk", NULL);
	assert_users("", "", 0,
	    "zoe@b.example ann@example.org ann+x@example.org bob@example.org "
	    "al@example.org.uk ");
	assert_users("Example.org", "", 0,
	    "ann@example.org ann+x@example.org bob@example.org ");
	assert_users(
	    "", "Ann@example.org", 2, "ann+x@example.org bob@example.org ");
	assert_users("example.org", "zoe@b.example", 0,
	    "ann@example.org ann+x@example.org bob@example.org ");
	assert_users("example.org", "al@example.org.uk", 0, "");
	assert_users("example.org", "b@example.org", 0, "bob@example.org ");
	assert_users("none.example", "", 0, "");
	end_directory(&d);
}
END_TEST

START_TEST(lists_of_domains_and_aliases_go_on_too)
{
	struct listed l = {0};
	struct fault g;

	with_domain();
	add_domain(d, "b.example");
	add_alias(d, "b@example.org", "x@example.org");
	add_alias(d, "@example.org", "x@example.org");
	buf_init(&l.names, 4096);
	ck_assert_int_eq(
	    directory_each_domain(d, str(""), list_domain, &l, &g), 0);
	ck_assert_str_eq(buf_text(&l.names), "b.example example.org ");
	buf_reset(&l.names);
	ck_assert_int_eq(
	    directory_each_domain(d, str("B.example"), list_domain, &l, &g), 0);
	ck_assert_str_eq(buf_text(&l.names), "example.org ");
	buf_reset(&l.names);
	ck_assert_int_eq(directory_each_alias(
			     d, str("example.org"), str(""), list_name, &l, &g),
	    0);
	ck_assert_str_eq(buf_text(&l.names), "@example.org b@example.org ");
	buf_reset(&l.names);
	ck_assert_int_eq(directory_each_alias(d, str(""), str("@example.org"),
			     list_name, &l, &g),
	    0);
	ck_assert_str_eq(buf_text(&l.names), "b@example.org ");
	buf_clear(&l.names);
	ck_assert_fault(
	    directory_each_user(d, str("?"), str(""), list_user, &l, &f),
	    "5.5.4");
	ck_assert_fault(
	    directory_each_user(d, str(""), str("?"), list_user, &l, &f),
	    "5.5.4");
	end_directory(&d);
}
END_TEST

START_TEST(counts_are_of_records)
{
	struct directory_counts c;
	struct fault f;

	with_domain();
	add_user(d, "ann@example.org", NULL);
	add_user(d, "bob@example.org", NULL);
	add_alias(d, "x@example.org", "ann@example.org");
	ck_assert_int_eq(directory_count(d, &c, &f), 0);
	ck_assert_uint_eq(c.domains, 1);
	ck_assert_uint_eq(c.users, 2);
	ck_assert_uint_eq(c.aliases, 1);
	end_directory(&d);
}
END_TEST

static void *
add_many(void *prefix)
{
	char name[64];

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "%s%d@example.org",
		    (const char *)prefix, i);
		add_user(d, name, NULL);
	}
	return NULL;
}

static void *
look_up_many(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < 5000; i++)
		assert_resolves("ann@example.org", "ann@example.org");
	return NULL;
}

START_TEST(many_threads_may_change_and_look_up_at_once)
{
	static char prefixes[][4] = {"aa", "m", "zz"};
	pthread_t threads[6];

	with_domain();
	add_user(d, "ann@example.org", NULL);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_create(&threads[2 * i], NULL, add_many,
				     prefixes[i]),
		    0);
		ck_assert_int_eq(pthread_create(&threads[2 * i + 1], NULL,
				     look_up_many, NULL),
		    0);
	}
	for (size_t i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	assert_resolves("m49@example.org", "m49@example.org");
	assert_resolves("zz49@example.org", "zz49@example.org");
	end_directory(&d);
}
END_TEST

UNIT_MAIN("directory", directory_knows_what_was_added,
    directory_refuses_what_exists, directory_refuses_what_is_missing,
    directory_refuses_domains_that_are_not_ours,
    directory_refuses_names_that_could_not_be_mailboxes,
    directory_bounds_targets, directory_keeps_domains_that_are_in_use,
    keys_come_and_go_with_the_password_and_its_user,
    keys_are_not_added_to_another_password, directory_changes_users,
    directory_is_the_same_when_opened_again,
    directory_keeps_changes_of_a_killed_process, directory_has_one_owner,
    resolve_finds_users_in_any_spelling,
    resolve_keeps_the_sub_address_of_a_user,
    resolve_prefers_the_exact_name_to_the_sub_address,
    resolve_expands_aliases_to_the_end,
    resolve_gives_targets_that_leave_the_house,
    forwarded_senders_lead_back_after_a_restart,
    senders_that_are_ours_or_nobody_stay, resolve_uses_the_catch_all_last,
    resolve_leaves_out_the_disabled, resolve_cuts_loops,
    resolve_cuts_the_loop_of_a_catch_all,
    resolve_finds_nobody_behind_missing_targets, resolve_bounds_the_depth,
    resolve_gives_a_thousand_mailboxes_or_none, resolve_bounds_its_work,
    senders_are_the_users_that_an_address_leads_to,
    alias_get_is_one_level_with_commas, finding_is_one_level_of_resolving,
    lists_are_in_order_and_go_on_behind_a_name,
    lists_of_domains_and_aliases_go_on_too, counts_are_of_records,
    many_threads_may_change_and_look_up_at_once)
