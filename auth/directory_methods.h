/* SPDX-License-Identifier: ISC */
/* What the files of the operator's methods share. Private to them. */
#ifndef AUTH_DIRECTORY_METHODS_H
#define AUTH_DIRECTORY_METHODS_H

#include "auth/directory.h"
#include "auth/name.h"
#include "base/json.h"

/* NULL with the fault where the parameter is missing. */
const char *directory_methods_need_text(
    const json_t *params, const char *key, struct fault *f) MUST_USE;
/* A parameter that may be missing (NULL text), but not be of another type. */
int directory_methods_may_text(const json_t *params, const char *key,
    struct str *text, struct fault *f) MUST_USE;
/* Returns new: an array of texts as views, and how many. */
struct str *directory_methods_take_names(
    const json_t *params, const char *key, size_t *n, struct fault *f) MUST_USE;
/* list is split by blanks. */
void directory_methods_put_names(
    json_t *item, const char *key, struct str list);
/* {what: the key of name}, after a change has taken it. */
json_t *directory_methods_changed(const char *what, const char *name) MUST_USE;

/* A page of a list. */
struct directory_page {
	json_t *items;
	size_t limit, bytes;
	char next[NAME_SIZE]; /* the last that was listed */
	bool more;
};
/* Reads `limit`. */
int directory_methods_begin_page(struct directory_page *page,
    const json_t *params, struct fault *f) MUST_USE;
/* False where the page was full before this item. */
bool directory_methods_has_room(
    struct directory_page *page, const char *name, size_t bytes) MUST_USE;
/* rc is what the listing has returned. */
json_t *directory_methods_end_page(
    struct directory_page *page, const char *what, int rc) MUST_USE;

control_call directory_method_app_add, directory_method_app_list,
    directory_method_app_revoke;

control_call directory_method_audit_list;

control_call directory_method_backup, directory_method_restore_user;

control_call directory_method_domain_add, directory_method_domain_del,
    directory_method_domain_set, directory_method_domain_get,
    directory_method_domain_list, directory_method_quota_get;

control_call directory_method_sender_add, directory_method_sender_del,
    directory_method_sender_list;

control_call directory_method_group_add, directory_method_group_set,
    directory_method_group_del, directory_method_group_get,
    directory_method_group_list, directory_method_member_add,
    directory_method_member_del, directory_method_member_list;

#endif
