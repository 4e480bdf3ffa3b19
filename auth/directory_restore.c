/* SPDX-License-Identifier: ISC */
/* A user that is gone, out of a copy of the directory. */
#include "config.h"

#include "auth/directory_copy.h"
#include "auth/directory_driver.h"
#include "base/json.h"

/* Whose line it is: a user's own, or one of its credentials. */
static bool
names_user(const json_t *object, const char *key)
{
	static const char *const members[] = {"user", "credential"};
	char name[NAME_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *text = json_get_text(object, members[i]);

		if (text != NULL && name_key(str(text), name))
			return strcmp(name, key) == 0;
	}
	return false;
}

bool
directory_line_is_of(struct str line, struct str name)
{
	char key[NAME_SIZE];
	struct fault why;
	json_t *object;
	bool is = false;

	if (!name_key(name, key))
		return false;
	object = json_parse(line, &why);
	if (object != NULL) {
		is = names_user(object, key);
		json_free(&object);
	}
	return is;
}

static int
import_all(struct directory *d, const char *key, const struct str *lines,
    size_t n, struct fault *f)
{
	for (size_t i = 0; i < n; i++) {
		if (!directory_line_is_of(lines[i], str(key)))
			return fault_perm(
			    f, "5.6.0", "a record is not one of %s", key);
		if (directory_import(d, lines[i], f) < 0)
			return -1;
	}
	directory_audit(d, "user.restore", key, "%s", "");
	return 0;
}

int
directory_restore_user(struct directory *d, struct str name,
    const struct str *lines, size_t n, struct fault *f)
{
	char key[NAME_SIZE];
	int rc;

	if (!name_key(name, key))
		return fault_perm(f, "5.1.3", "\"%.*s\" is no address",
		    STR_ARG(str_head(name, 100)));
	directory_begin_change(d);
	rc = directory_need_free_name(d, key, f);
	if (rc == 0)
		rc = import_all(d, key, lines, n, f);
	return directory_end_change(d, rc, f);
}
