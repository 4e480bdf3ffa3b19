/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/domains.h"

#include <stdio.h>

#include "base/mem.h"
#include "proto/domain.h"

static char *
read_one(const char *item)
{
	bool below = item[0] == '.';
	char name[DOMAIN_SIZE], text[DOMAIN_SIZE + 1];

	if (!domain_to_ascii(str(item + below), name))
		return NULL;
	snprintf(text, sizeof text, "%s%s", below ? "." : "", name);
	return mem_dup(text);
}

int
domains_init(struct domains *d, const struct conf_list *list, struct fault *f)
{
	*d = (struct domains){
	    .names = mem_zeroed(list->n + 1, sizeof *d->names)};
	for (size_t i = 0; i < list->n; i++) {
		char *name = read_one(list->items[i]);

		if (name == NULL) {
			fault_perm(f, "5.3.5", "\"%.150s\" is no domain",
			    list->items[i]);
			domains_clear(d);
			return -1;
		}
		d->names[d->n++] = name;
	}
	return 0;
}

void
domains_clear(struct domains *d)
{
	for (size_t i = 0; i < d->n; i++)
		mem_free(d->names[i]);
	mem_free(d->names);
	*d = (struct domains){0};
}

bool
domains_has(const struct domains *d, struct str domain)
{
	for (size_t i = 0; i < d->n; i++) {
		struct str name = str(d->names[i]);

		if (name.at[0] == '.' ? str_ends(domain, name)
				      : str_is(domain, name))
			return true;
	}
	return false;
}
