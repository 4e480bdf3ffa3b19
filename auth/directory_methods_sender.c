/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods for who may send as whom.
 *
 *   sender.add      user, address
 *   sender.del      user, address
 *   sender.list     user?
 *
 * Changes return {user, address}. The list is {senders: [{address, users:
 * [user…]}]}: what was allowed besides the users' own addresses.
 */
#include "config.h"

#include "auth/directory_methods.h"

static json_t *
change(struct directory *d, const json_t *params,
    int (*how)(struct directory *d, struct str user, struct str address,
	struct fault *f),
    struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);
	const char *address = directory_methods_need_text(params, "address", f);
	char key[NAME_SIZE];
	json_t *result;

	if (user == NULL || address == NULL ||
	    how(d, str(user), str(address), f) < 0)
		return NULL;
	result = directory_methods_changed("user", user);
	if (name_key(str(address), key))
		json_put_text(result, "address", key);
	return result;
}

json_t *
directory_method_sender_add(void *ctx, const json_t *params, struct fault *f)
{
	return change(ctx, params, directory_sender_add, f);
}

json_t *
directory_method_sender_del(void *ctx, const json_t *params, struct fault *f)
{
	return change(ctx, params, directory_sender_del, f);
}

static int
list_sender(void *ctx, struct str address, struct str users)
{
	json_t *item = json_new_object();

	json_put_str(item, "address", address);
	directory_methods_put_names(item, "users", users);
	json_add(ctx, item);
	return 0;
}

json_t *
directory_method_sender_list(void *ctx, const json_t *params, struct fault *f)
{
	json_t *items, *result;
	struct str user;

	if (directory_methods_may_text(params, "user", &user, f) < 0)
		return NULL;
	items = json_new_array();
	if (directory_each_sender(ctx, user, list_sender, items, f) < 0) {
		json_free(&items);
		return NULL;
	}
	result = json_new_object();
	json_put(result, "senders", items);
	return result;
}
