/* SPDX-License-Identifier: ISC */
/* Rules are read from their end: only the folder may have blanks. */
#include "config.h"

#include "store/expire_rules.h"

#include "base/conf.h"
#include "base/mem.h"
#include "proto/address.h"

static int
bad_rule(const char *line, const char *why, struct fault *f)
{
	return fault_perm(f, "5.3.5",
	    "expire: \"%.100s\": %s; a rule is \"FOLDER AGE\" with a time like "
	    "30d, or never, and perhaps an address or an @domain behind it",
	    line, why);
}

/* The last word; *rest keeps what stands before it. */
static struct str
take_last(struct str *rest)
{
	size_t at = str_find_last(*rest, ' ');
	struct str word;

	if (at == rest->len) {
		word = *rest;
		*rest = (struct str){0};
		return word;
	}
	word = str_from(*rest, at + 1);
	*rest = str_trim(str_head(*rest, at));
	return word;
}

/* Addresses and domains in the form that mailboxes' names have. */
static bool
parse_whom(struct str word, char whom[MAILBOX_NAME_SIZE])
{
	bool is_domain = word.at[0] == '@';
	char text[ADDRESS_TEXT_SIZE], key[ADDRESS_TEXT_SIZE];
	struct address a;
	struct fault f;

	text[0] = 'x';
	if (!str_copy(word, text + is_domain, sizeof text - 1) ||
	    address_parse(str(text), &a, &f) < 0 || !address_key(&a, key))
		return false;
	return str_copy(str(key + is_domain), whom, MAILBOX_NAME_SIZE);
}

static bool
parse_age(struct str word, int64_t *age)
{
	uint64_t ms;

	if (str_is_nocase(word, STR_LIT("never"))) {
		*age = EXPIRE_NEVER;
		return true;
	}
	if (!conf_parse_time(word, &ms) || ms < 1000 || ms > INT64_MAX)
		return false;
	*age = (int64_t)(ms / 1000);
	return true;
}

static bool
parse_folder(struct str text, struct expire_rule *rule)
{
	struct mailbox_folder folder;
	struct fault f;

	if (text.len == 0)
		return false;
	rule->below =
	    str_is(text, STR_LIT("*")) || str_ends(text, STR_LIT("/*"));
	if (rule->below)
		text = str_head(text, text.len > 2 ? text.len - 2 : 0);
	/* The inbox of a mailbox has nothing below it that is not a folder by
	 * itself. */
	if (mailbox_folder_parse(text, &folder, &f) < 0 ||
	    (rule->below && text.len > 0 && folder.text[0] == '\0'))
		return false;
	return str_copy(str(folder.text), rule->folder, sizeof rule->folder);
}

static int
parse_rule(const char *line, struct expire_rule *rule, struct fault *f)
{
	struct str rest = str_trim(str(line)), word = take_last(&rest);

	memset(rule, 0, sizeof *rule);
	if (str_has(word, '@')) {
		if (!parse_whom(word, rule->whom))
			return bad_rule(line, "for whom?", f);
		word = take_last(&rest);
	}
	if (!parse_age(word, &rule->age))
		return bad_rule(line, "after what time?", f);
	if (!parse_folder(rest, rule))
		return bad_rule(line, "which folder?", f);
	return 0;
}

int
expire_rules_parse(struct expire_rules *rules, const char *const *lines,
    size_t n, struct fault *f)
{
	rules->n = 0;
	rules->rules = mem_zeroed(n + 1, sizeof *rules->rules);
	for (size_t i = 0; i < n; i++) {
		if (parse_rule(lines[i], &rules->rules[rules->n++], f) < 0)
			return -1;
	}
	return 0;
}

void
expire_rules_clear(struct expire_rules *rules)
{
	mem_free(rules->rules);
	*rules = (struct expire_rules){0};
}

/* How closely the rule names whom; 0: somebody else. */
static size_t
match_whom(const struct expire_rule *rule, const struct mailbox_name *mailbox)
{
	if (rule->whom[0] == '\0')
		return 1;
	if (rule->whom[0] == '@')
		return str_ends(str(mailbox->text), str(rule->whom)) ? 2 : 0;
	return str_is(str(mailbox->text), str(rule->whom)) ? 3 : 0;
}

/* How closely it names the folder; 0: another. */
static size_t
match_folder(
    const struct expire_rule *rule, const struct mailbox_folder *folder)
{
	struct str name = str(folder->text), above = str(rule->folder);

	if (!rule->below)
		return str_is(name, above) ? MAILBOX_FOLDER_SIZE + 1 : 0;
	if (above.len == 0)
		return 1;
	return str_starts(name, above) && name.len > above.len &&
		       name.at[above.len] == '/'
		   ? above.len + 1
		   : 0;
}

int64_t
expire_rules_age(const struct expire_rules *rules,
    const struct mailbox_name *mailbox, const struct mailbox_folder *folder)
{
	size_t best = 0;
	int64_t age = EXPIRE_NEVER;

	for (size_t i = 0; i < rules->n; i++) {
		const struct expire_rule *rule = &rules->rules[i];
		size_t whom = match_whom(rule, mailbox);
		size_t where = match_folder(rule, folder);
		size_t rank = whom * (MAILBOX_FOLDER_SIZE + 2) + where;

		if (whom == 0 || where == 0 || rank <= best)
			continue;
		best = rank;
		age = rule->age;
	}
	return age;
}
