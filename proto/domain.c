/* SPDX-License-Identifier: ISC */
/* Domain names. The only file that includes libidn2 and libpsl. */
#include "config.h"

#include "proto/domain.h"

#include <idn2.h>
#include <libpsl.h>

static bool
is_let_dig(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool
is_label(struct str label)
{
	if (label.len == 0 || label.len > 63 || !is_let_dig(label.at[0]) ||
	    !is_let_dig(label.at[label.len - 1]))
		return false;
	for (size_t i = 0; i < label.len; i++) {
		if (!is_let_dig(label.at[i]) && label.at[i] != '-')
			return false;
	}
	return true;
}

bool
domain_is_ascii_name(struct str text)
{
	struct str rest = text;

	if (text.len == 0 || text.len >= DOMAIN_SIZE)
		return false;
	while (rest.at != NULL) {
		if (!is_label(str_cut(&rest, '.')))
			return false;
	}
	return true;
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++) {
		if (*s >= 'A' && *s <= 'Z')
			*s += 'a' - 'A';
	}
}

static bool
is_ascii(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.at[i] > 127)
			return false;
	}
	return true;
}

bool
domain_to_ascii(struct str text, char domain[DOMAIN_SIZE])
{
	char given[DOMAIN_SIZE];
	uint8_t *made = NULL;
	bool ok = false;

	domain[0] = '\0';
	if (!str_copy(text, given, sizeof given))
		return false;
	/*
	 * ASCII is not shown to libidn2: it has opinions about names that are
	 * in use, like those with hyphens in third and fourth place.
	 */
	if (is_ascii(text)) {
		if (!domain_is_ascii_name(text))
			return false;
		memcpy(domain, given, text.len + 1);
		lower(domain);
		return true;
	}
	if (idn2_lookup_u8((const uint8_t *)given, &made,
		IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return false;
	if (domain_is_ascii_name(str((const char *)made)))
		ok = str_copy(str((const char *)made), domain, DOMAIN_SIZE);
	idn2_free(made);
	lower(domain);
	return ok;
}

bool
domain_organisation(struct str text, char domain[DOMAIN_SIZE])
{
	char name[DOMAIN_SIZE];
	const char *found;

	domain[0] = '\0';
	if (!str_copy(text, name, sizeof name))
		return false;
	/* The list that is built in: read-only, so safe from any thread. */
	found = psl_registrable_domain(psl_builtin(), name);
	return found != NULL && str_copy(str(found), domain, DOMAIN_SIZE);
}
