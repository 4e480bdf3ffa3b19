/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/service.h"

#include <string.h>

static const struct {
	const char *name, *key;
} known[] = {
    {"smtp", "smtp"},
    {"smtps", "smtp"},
    {"submission", "smtp"},
    {"submissions", "smtp"},
    {"imap", "imap"},
    {"imaps", "imap"},
    {"pop", "pop3"},
    {"pop3", "pop3"},
    {"pop3s", "pop3"},
    {"sieve", "sieve"},
    {"managesieve", "sieve"},
};

static bool
is_name(const char *text)
{
	for (; *text != '\0'; text++) {
		if (!(*text >= 'a' && *text <= 'z') &&
		    !(*text >= '0' && *text <= '9') && *text != '-')
			return false;
	}
	return true;
}

bool
service_key(struct str text, char key[SERVICE_SIZE])
{
	bool fits = text.len > 0 && str_copy(text, key, SERVICE_SIZE);

	for (char *c = key; fits && *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	if (!fits || !is_name(key)) {
		key[0] = '\0';
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		/* The keys are no longer than the names. */
		if (strcmp(known[i].name, key) == 0)
			return str_copy(str(known[i].key), key, SERVICE_SIZE);
	}
	return true;
}

bool
service_is_mail(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i].key, key) == 0)
			return true;
	}
	return key[0] == '\0';
}
