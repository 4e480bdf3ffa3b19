/* SPDX-License-Identifier: ISC */
/* From a recipient to mailboxes, and the same one level deep. */
#include "config.h"

#include "auth/directory_expand.h"

/* One level for others: those who expand aliases themselves. */

static int
put_targets(struct str list, struct buf *targets, struct fault *f)
{
	buf_reset(targets);
	while (list.len > 0) {
		buf_put_str(targets, str_cut(&list, ' '));
		if (list.len > 0)
			buf_puts(targets, ", ");
	}
	if (!buf_is_full(targets))
		return 1;
	buf_reset(targets);
	return fault_perm(f, "5.4.6", "too many addresses for one answer");
}

int
directory_alias_get(
    struct directory *d, struct str name, struct buf *targets, struct fault *f)
{
	char key[NAME_SIZE];
	struct buf list;
	int rc;

	buf_reset(targets);
	if (!name_key(name, key))
		return 0;
	buf_init(&list, DIRECTORY_TARGETS_SIZE);
	rc = d->driver->get_alias(d->store, str(key), &list, f);
	if (rc > 0)
		rc = put_targets(buf_str(&list), targets, f);
	buf_clear(&list);
	return rc;
}

int
directory_find_alias(struct directory *d, struct str address,
    struct buf *targets, struct fault *f)
{
	char key[NAME_SIZE];
	struct directory_entry e;
	int rc;

	buf_reset(targets);
	if (!name_key(address, key))
		return 0;
	buf_init(&e.targets, DIRECTORY_TARGETS_SIZE);
	rc = directory_entry_find(d, str(key), &e, f);
	if (rc == 0 && e.kind == ENTRY_ALIAS)
		rc = put_targets(buf_str(&e.targets), targets, f);
	buf_clear(&e.targets);
	return rc;
}

int
directory_find_mailbox(struct directory *d, struct str address,
    struct directory_user *user, struct fault *f)
{
	char key[NAME_SIZE];
	struct directory_entry e;
	int rc;

	if (!name_key(address, key))
		return 0;
	buf_init(&e.targets, DIRECTORY_TARGETS_SIZE);
	rc = directory_entry_find(d, str(key), &e, f);
	if (rc == 0 && e.kind == ENTRY_USER) {
		*user = e.user;
		rc = 1;
	}
	buf_clear(&e.targets);
	return rc;
}

static int
expand(struct directory *d, enum expansion_wants wants, struct str name,
    struct buf *result, struct fault *f)
{
	struct expansion x = {
	    .directory = d,
	    .wants = wants,
	    .names_max = DIRECTORY_NAMES_MAX,
	    .results_max = DIRECTORY_EXPANSION_MAX,
	    .result = result,
	};
	int rc = directory_expand(&x, name, f);

	directory_expand_clear(&x);
	return rc;
}

int
directory_resolve(struct directory *d, struct str recipient,
    struct buf *mailboxes, struct fault *f)
{
	return expand(d, WANTS_RECIPIENTS, recipient, mailboxes, f);
}
