/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory.h"

#include "auth/password.h"
#include "tests/unit/auth/place.h"

static struct directory *d;

static json_t *
call(const char *name, const char *params, struct fault *f)
{
	json_t *object = json_parse(str(params), f), *result = NULL;
	const struct control_method *m = directory_methods;

	ck_assert_ptr_nonnull(object);
	while (m->name != NULL && !str_is(str(m->name), str(name)))
		m++;
	ck_assert_msg(m->name != NULL, "no method %s", name);
	result = m->call(d, object, f);
	json_free(&object);
	return result;
}

static void
assert_result(const char *name, const char *params, const char *want)
{
	struct fault f = {.text = ""};
	json_t *result = call(name, params, &f);
	struct buf b;

	ck_assert_msg(result != NULL, "%s: %s", name, f.text);
	buf_init(&b, 1 << 20);
	json_format(&b, result);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
	json_free(&result);
}

static void
assert_fault(const char *name, const char *params, const char *dsn)
{
	struct fault f = {.text = ""};

	ck_assert_msg(call(name, params, &f) == NULL, "%s %s", name, params);
	ck_assert_str_eq(f.dsn, dsn);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_ne(f.text, "");
}

static void
begin(void)
{
	d = new_directory();
	assert_result("domain.add", "{\"domain\": \"Example.ORG\"}",
	    "{\"domain\":\"example.org\"}");
}

START_TEST(methods_add_list_and_delete)
{
	begin();
	assert_result("user.add", "{\"user\": \"Ann@Example.org\"}",
	    "{\"user\":\"ann@example.org\"}");
	assert_result("alias.add",
	    "{\"alias\": \"Team@example.org\", "
	    "\"targets\": [\"ann@example.org\", \"Bob@example.org\"]}",
	    "{\"alias\":\"team@example.org\"}");
	assert_result("domain.list", "{}",
	    "{\"domains\":[{\"domain\":\"example.org\"}]}");
	assert_result("alias.list", "{}",
	    "{\"aliases\":[{\"alias\":\"team@example.org\",\"targets\":"
	    "[\"ann@example.org\",\"bob@example.org\"]}]}");
	assert_result("alias.del", "{\"alias\": \"TEAM@example.org\"}",
	    "{\"alias\":\"team@example.org\"}");
	assert_result("user.del", "{\"user\": \"ann@example.org\"}",
	    "{\"user\":\"ann@example.org\"}");
	assert_result("domain.del", "{\"domain\": \"example.org\"}",
	    "{\"domain\":\"example.org\"}");
	assert_result("domain.list", "{}", "{\"domains\":[]}");
	assert_result("user.list", "{}", "{\"users\":[]}");
	assert_result("alias.list", "{}", "{\"aliases\":[]}");
	end_directory(&d);
}
END_TEST

START_TEST(methods_hash_the_clear_password)
{
	struct directory_user user;
	struct fault f;

	begin();
	assert_result("user.add",
	    "{\"user\": \"ann@example.org\", \"password\": \"correct horse\"}",
	    "{\"user\":\"ann@example.org\"}");
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &user, &f), 1);
	ck_assert_int_eq(
	    password_verify(STR_LIT("correct horse"), user.hash, &f), 1);
	assert_result("user.passwd",
	    "{\"user\": \"ANN@example.org\", \"password\": \"battery staple\"}",
	    "{\"user\":\"ann@example.org\"}");
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &user, &f), 1);
	ck_assert_int_eq(
	    password_verify(STR_LIT("correct horse"), user.hash, &f), 0);
	ck_assert_int_eq(
	    password_verify(STR_LIT("battery staple"), user.hash, &f), 1);
	end_directory(&d);
}
END_TEST

START_TEST(methods_disable_and_enable)
{
	struct directory_user user;
	struct fault f;

	begin();
	add_user(d, "ann@example.org", NULL);
	assert_result("user.disable", "{\"user\": \"ann@example.org\"}",
	    "{\"user\":\"ann@example.org\"}");
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &user, &f), 1);
	ck_assert(user.disabled);
	assert_result("user.enable", "{\"user\": \"ann@example.org\"}",
	    "{\"user\":\"ann@example.org\"}");
	ck_assert_int_eq(
	    directory_user_get(d, str("ann@example.org"), &user, &f), 1);
	ck_assert(!user.disabled);
	end_directory(&d);
}
END_TEST

START_TEST(methods_set_and_tell_quotas)
{
	struct fault f = {.text = ""};
	json_t *user;

	begin();
	assert_result("user.add",
	    "{\"user\": \"ann@example.org\", \"quota\": 4096}",
	    "{\"user\":\"ann@example.org\"}");
	assert_result("user.set",
	    "{\"user\": \"ann@example.org\", \"quota_messages\": -1}",
	    "{\"user\":\"ann@example.org\"}");
	user = call("user.get", "{\"user\": \"ann@example.org\"}", &f);
	ck_assert_int_eq(json_get_int(user, "quota", 0), 4096);
	ck_assert_int_eq(json_get_int(user, "quota_messages", 0), -1);
	json_free(&user);
	assert_result("domain.set",
	    "{\"domain\": \"Example.org\", \"quota\": 9000, "
	    "\"user_quota_messages\": 7}",
	    "{\"domain\":\"example.org\"}");
	assert_result("domain.get", "{\"domain\": \"example.org\"}",
	    "{\"domain\":\"example.org\",\"quota\":9000,"
	    "\"user_quota_messages\":7}");
	assert_result("domain.set",
	    "{\"domain\": \"example.org\", \"quota\": 0}",
	    "{\"domain\":\"example.org\"}");
	assert_result("domain.list", "{}",
	    "{\"domains\":[{\"domain\":\"example.org\","
	    "\"user_quota_messages\":7}]}");
	end_directory(&d);
}
END_TEST

static const struct {
	const char *method, *params, *dsn;
} refused[] = {
    {"domain.add", "{}", "5.5.4"},
    {"domain.add", "{\"domain\": 3}", "5.5.4"},
    {"domain.add", "{\"domain\": \"a/b\"}", "5.1.3"},
    {"domain.del", "{\"domain\": \"example.com\"}", "5.1.1"},
    {"domain.list", "{\"limit\": 0}", "5.5.4"},
    {"domain.list", "{\"limit\": 10001}", "5.5.4"},
    {"domain.list", "{\"after\": \"?\"}", "5.5.4"},
    {"domain.list", "{\"after\": 1}", "5.5.4"},
    {"user.add", "{}", "5.5.4"},
    {"user.add", "{\"user\": \"../x@example.org\"}", "5.1.3"},
    {"user.add", "{\"user\": \"x@example.com\"}", "5.1.2"},
    {"user.add", "{\"user\": \"x@example.org\", \"password\": \"short\"}",
	"5.7.0"},
    {"user.add", "{\"user\": \"x@example.org\", \"password\": 12345678}",
	"5.5.4"},
    {"user.add", "{\"user\": \"x@example.org\", \"hash\": \"secret\"}",
	"5.7.0"},
    {"user.add",
	"{\"user\": \"x@example.org\", \"hash\": \"x\", \"password\": \"y\"}",
	"5.5.4"},
    {"user.passwd", "{\"user\": \"x@example.org\"}", "5.5.4"},
    {"user.passwd",
	"{\"user\": \"x@example.org\", \"password\": \"correct horse\"}",
	"5.1.1"},
    {"user.add", "{\"user\": \"x@example.org\", \"quota\": \"1G\"}", "5.5.4"},
    {"user.add", "{\"user\": \"x@example.org\", \"quota\": -2}", "5.5.4"},
    {"user.set", "{\"user\": \"x@example.org\", \"quota\": 5}", "5.1.1"},
    {"domain.set", "{\"domain\": \"example.org\", \"quota\": -1}", "5.5.4"},
    {"domain.set", "{\"domain\": \"example.com\"}", "5.1.1"},
    {"domain.get", "{\"domain\": \"example.com\"}", "5.1.1"},
    {"user.disable", "{\"user\": \"x@example.org\"}", "5.1.1"},
    {"alias.add", "{\"alias\": \"x@example.org\"}", "5.5.4"},
    {"alias.add", "{\"alias\": \"x@example.org\", \"targets\": \"y\"}",
	"5.5.4"},
    {"alias.add", "{\"alias\": \"x@example.org\", \"targets\": []}", "5.5.4"},
    {"alias.add", "{\"alias\": \"x@example.org\", \"targets\": [1]}", "5.1.3"},
    {"alias.add",
	"{\"alias\": \"x@example.com\", \"targets\": [\"y@example.org\"]}",
	"5.1.2"},
    {"alias.del", "{\"alias\": \"x@example.org\"}", "5.1.1"},
    {"alias.list", "{\"domain\": \"?\"}", "5.5.4"},
};

START_TEST(methods_say_what_is_wrong)
{
	begin();
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_fault(
		    refused[i].method, refused[i].params, refused[i].dsn);
	assert_result("user.list", "{}", "{\"users\":[]}");
	end_directory(&d);
}
END_TEST

/* Pages until there is no next; how many pages. */
static unsigned
walk(const char *method, const char *what, const char *limit, size_t *n)
{
	char params[512] = "{}";
	struct fault f = {.text = ""};
	unsigned pages = 0;

	*n = 0;
	for (bool more = true; more; pages++) {
		json_t *result;
		const char *next;

		if (pages == 0)
			snprintf(
			    params, sizeof params, "{\"limit\": %s}", limit);
		result = call(method, params, &f);
		ck_assert_msg(result != NULL, "%s", f.text);
		*n += json_len(json_get(result, what));
		next = json_get_text(result, "next");
		more = next != NULL;
		if (more)
			snprintf(params, sizeof params,
			    "{\"limit\": %s, \"after\": \"%s\"}", limit, next);
		json_free(&result);
	}
	return pages;
}

START_TEST(lists_come_in_pages)
{
	char name[64];
	size_t n;

	begin();
	for (int i = 0; i < 25; i++) {
		snprintf(name, sizeof name, "u%d@example.org", i);
		add_user(d, name, NULL);
	}
	ck_assert_uint_eq(walk("user.list", "users", "10", &n), 3);
	ck_assert_uint_eq(n, 25);
	ck_assert_uint_eq(walk("user.list", "users", "25", &n), 1);
	ck_assert_uint_eq(n, 25);
	ck_assert_uint_eq(walk("user.list", "users", "1", &n), 25);
	ck_assert_uint_eq(n, 25);
	end_directory(&d);
}
END_TEST

START_TEST(lists_of_long_aliases_end_their_page_early)
{
	enum { N = 1000, SIZE = 256 };
	struct str *targets = calloc(N, sizeof *targets);
	char *text = calloc(N, SIZE), name[64];
	struct fault f = {.text = ""};
	size_t n;

	begin();
	for (size_t i = 0; i < N; i++) {
		int len =
		    snprintf(text + i * SIZE, SIZE, "%064zu@example.org", i);

		targets[i] = str_n(text + i * SIZE, (size_t)len);
	}
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "a%d@example.org", i);
		ck_assert_int_eq(
		    directory_alias_add(d, str(name), targets, N, &f), 0);
	}
	ck_assert_uint_ge(walk("alias.list", "aliases", "10000", &n), 2);
	ck_assert_uint_eq(n, 30);
	free(targets);
	free(text);
	end_directory(&d);
}
END_TEST

#define GROUP(owners, posters, named, from, verp)                                   \
	"{\"group\":\"team@example.org\",\"title\":\"The Team\",\"owners\":" owners \
	",\"posters\":\"" posters "\",\"named\":" named ",\"from\":\"" from         \
	"\",\"verp\":" verp                                                         \
	",\"list_id\":\"team.example.org\",\"unsubscribe\":\"\"}"

START_TEST(methods_make_and_change_groups)
{
	begin();
	assert_result("group.add",
	    "{\"group\": \"Team@example.org\", \"owners\": "
	    "[\"Ann@example.org\"], \"title\": \"The Team\", \"verp\": true}",
	    "{\"group\":\"team@example.org\"}");
	assert_result("group.get", "{\"group\": \"team@example.org\"}",
	    GROUP("[\"ann@example.org\"]", "members", "[]", "keep", "true"));
	assert_result("group.set",
	    "{\"group\": \"team@example.org\", \"posters\": \"named\", "
	    "\"named\": [\"@x.example\"], \"from\": \"rewrite\"}",
	    "{\"group\":\"team@example.org\"}");
	assert_result("group.list", "{\"domain\": \"example.org\"}",
	    "{\"groups\":[" GROUP("[\"ann@example.org\"]", "named",
		"[\"@x.example\"]", "rewrite", "true") "]}");
	assert_result("member.add",
	    "{\"group\": \"team@example.org\", \"members\": "
	    "[\"B@x.example\", \"a@x.example\"]}",
	    "{\"group\":\"team@example.org\"}");
	assert_result("member.list",
	    "{\"group\": \"team@example.org\", \"limit\": 1}",
	    "{\"members\":[{\"member\":\"a@x.example\"}],"
	    "\"next\":\"a@x.example\"}");
	assert_result("member.del",
	    "{\"group\": \"team@example.org\", \"members\": "
	    "[\"a@x.example\"]}",
	    "{\"group\":\"team@example.org\"}");
	assert_result("member.list", "{\"group\": \"team@example.org\"}",
	    "{\"members\":[{\"member\":\"b@x.example\"}]}");
	assert_result("group.del", "{\"group\": \"team@example.org\"}",
	    "{\"group\":\"team@example.org\"}");
	assert_result("group.list", "{}", "{\"groups\":[]}");
	end_directory(&d);
}
END_TEST

START_TEST(methods_say_what_is_wrong_with_a_group)
{
	static const struct {
		const char *name, *params, *dsn;
	} cases[] = {
	    {"group.add", "{\"owners\": [\"a@x.example\"]}", "5.5.4"},
	    {"group.add", "{\"group\": \"x@example.org\"}", "5.5.4"},
	    {"group.add", "{\"group\": \"x@example.org\", \"owners\": []}",
		"5.5.4"},
	    {"group.add",
		"{\"group\": \"x@example.org\", \"owners\": [\"a b\"]}",
		"5.1.3"},
	    {"group.add", "{\"group\": \"x@example.org\", \"owners\": [1]}",
		"5.1.3"},
	    {"group.set",
		"{\"group\": \"t@example.org\", \"posters\": \"all\"}",
		"5.5.4"},
	    {"group.set", "{\"group\": \"t@example.org\", \"from\": \"yes\"}",
		"5.5.4"},
	    {"group.set", "{\"group\": \"t@example.org\", \"title\": 1}",
		"5.5.4"},
	    {"group.set", "{\"group\": \"none@example.org\"}", "5.1.1"},
	    {"group.get", "{\"group\": \"none@example.org\"}", "5.1.1"},
	    {"group.del", "{\"group\": \"none@example.org\"}", "5.1.1"},
	    {"member.add", "{\"group\": \"t@example.org\"}", "5.5.4"},
	    {"member.list", "{\"group\": \"none@example.org\"}", "5.1.1"},
	};

	begin();
	assert_result("group.add",
	    "{\"group\": \"t@example.org\", \"owners\": "
	    "[\"a@example.org\"]}",
	    "{\"group\":\"t@example.org\"}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fault(cases[i].name, cases[i].params, cases[i].dsn);
	end_directory(&d);
}
END_TEST

UNIT_MAIN("directory_methods", methods_add_list_and_delete,
    methods_make_and_change_groups, methods_say_what_is_wrong_with_a_group,
    methods_hash_the_clear_password, methods_disable_and_enable,
    methods_set_and_tell_quotas, methods_say_what_is_wrong, lists_come_in_pages,
    lists_of_long_aliases_end_their_page_early)
