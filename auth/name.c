/* SPDX-License-Identifier: ISC */
/* Names of the directory into their one form. */
#include "config.h"

#include "auth/name.h"

#include "base/utf8.h"
#include "proto/address.h"
#include "proto/domain.h"

enum { SHOWN_MAX = 100 }; /* of a bad name, in a fault */

struct str
name_local(struct str key)
{
	return str_head(key, str_find_last(key, '@'));
}

struct str
name_domain(struct str key)
{
	return str_from(key, str_find_last(key, '@') + 1);
}

bool
name_list_has(struct str list, struct str name)
{
	while (list.len > 0)
		if (str_is(str_cut(&list, ' '), name))
			return true;
	return false;
}

bool
name_owned(struct str *local)
{
	static const char *const behind[] = {"-owner", "-request"};
	const struct str before = STR_LIT("owner-");

	if (local->len > before.len && str_starts(*local, before)) {
		*local = str_from(*local, before.len);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(behind); i++) {
		struct str end = str(behind[i]);

		if (local->len > end.len && str_ends(*local, end)) {
			*local = str_head(*local, local->len - end.len);
			return true;
		}
	}
	return false;
}

bool
name_domain_key(struct str text, char key[NAME_SIZE])
{
	char domain[DOMAIN_SIZE];

	key[0] = '\0';
	return domain_to_ascii(text, domain) &&
	       str_copy(str(domain), key, NAME_SIZE);
}

/*
 * A local part comes as the wire had it or without its quotes, so it may hold
 * anything; only what has a NUL or is too long is no key at all.
 */
bool
name_key(struct str text, char key[NAME_SIZE])
{
	struct str local = name_local(text);
	char domain[DOMAIN_SIZE];

	key[0] = '\0';
	if (local.len == text.len || local.len > ADDRESS_LOCAL_MAX ||
	    str_has(local, '\0') ||
	    !domain_to_ascii(name_domain(text), domain) ||
	    local.len + 1 + strlen(domain) >= NAME_SIZE)
		return false;
	for (size_t i = 0; i < local.len; i++) {
		char c = local.at[i];

		key[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	key[local.len] = '@';
	memcpy(key + local.len + 1, domain, strlen(domain) + 1);
	return true;
}

static int
refuse(struct str text, const char *why, struct fault *f)
{
	return fault_perm(f, "5.1.3", "\"%.*s\": %s",
	    STR_ARG(str_head(text, SHOWN_MAX)), why);
}

int
name_check_domain(struct str text, char key[NAME_SIZE], struct fault *f)
{
	if (!name_domain_key(text, key))
		return refuse(text, "this is no domain name", f);
	if (strlen(key) > NAME_DOMAIN_MAX)
		return refuse(text, "this domain name is too long", f);
	return 0;
}

/* Controls (C1 too), and the blanks and marks of Unicode that do not show or
 * change the direction of text: two names must not look the same. */
static bool
is_hidden(uint32_t c)
{
	return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad ||
	       c == 0x1680 || (c >= 0x2000 && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) ||
	       c == 0x3000 || c == 0xfeff || (c >= 0xfff0 && c <= 0xffff);
}

static bool
is_shown(struct str s)
{
	while (s.len > 0) {
		uint32_t c;
		size_t n = utf8_get(s, &c);

		if (n == 0 || is_hidden(c))
			return false;
		s = str_from(s, n);
	}
	return true;
}

/* What a grammar would allow and Posthouse does not. */
static const char *
local_trouble(struct str local)
{
	if (local.at[0] == '-' || local.at[0] == '+')
		return "a name must not begin with a hyphen or a plus sign";
	if (str_has(local, '/'))
		return "a name must not contain a slash";
	if (str_has(local, '%') || str_has(local, '!'))
		return "a name must not contain \"%\" or \"!\": mail to it "
		       "would be taken for a relaying attempt";
	if (!is_shown(local))
		return "a name must consist of characters that can be seen";
	return NULL;
}

/* What is no address, but has been a target of aliases elsewhere. */
static const char *
target_trouble(struct str text)
{
	struct str inner = str_from(text, text.len > 0 && text.at[0] == '"');

	if (str_starts(inner, STR_LIT("|")))
		return "mail is not given to programs; let the program read a "
		       "mailbox, or speak LMTP and get a route";
	if (str_starts(inner, STR_LIT("/")))
		return "mail is not written to files, but to mailboxes";
	if (str_starts_nocase(inner, STR_LIT(":include:")))
		return "lists are not read from files; make a group";
	return NULL;
}

/* Unquoted, since a name that needs quotes has two spellings. */
int
name_check(struct str text, char key[NAME_SIZE], struct fault *f)
{
	struct address a;
	const char *trouble;

	key[0] = '\0';
	trouble = target_trouble(text);
	if (trouble != NULL)
		return refuse(text, trouble, f);
	if (text.len > 0 && text.at[0] == '"')
		return refuse(text, "names in quotes cannot be used", f);
	if (address_parse(text, &a, f) < 0)
		return -1;
	trouble = local_trouble(str(a.local));
	if (trouble != NULL)
		return refuse(text, trouble, f);
	if (a.host != ADDRESS_DOMAIN || !name_key(text, key) ||
	    name_domain(str(key)).len > NAME_DOMAIN_MAX ||
	    strlen(key) > ADDRESS_MAX) {
		key[0] = '\0';
		return refuse(text, "this domain cannot be used", f);
	}
	return 0;
}

int
name_check_alias(struct str text, char key[NAME_SIZE], struct fault *f)
{
	char domain[NAME_SIZE];

	if (text.len == 0 || text.at[0] != '@')
		return name_check(text, key, f);
	key[0] = '\0';
	if (name_check_domain(str_from(text, 1), domain, f) < 0)
		return -1;
	key[0] = '@';
	memcpy(key + 1, domain, strlen(domain) + 1);
	return 0;
}
