/* SPDX-License-Identifier: ISC */
/* The operator's methods for domains, and for the quota that holds for a user
 * of one: their parameters stand in directory_methods.c. */
#include "config.h"

#include "auth/directory_methods.h"
#include "auth/directory_quota.h"
#include "base/mem.h"

json_t *
directory_method_domain_add(void *ctx, const json_t *params, struct fault *f)
{
	const char *domain = directory_methods_need_text(params, "domain", f);

	if (domain == NULL || directory_domain_add(ctx, str(domain), f) < 0)
		return NULL;
	return directory_methods_changed("domain", domain);
}

json_t *
directory_method_domain_del(void *ctx, const json_t *params, struct fault *f)
{
	const char *domain = directory_methods_need_text(params, "domain", f);

	if (domain == NULL || directory_domain_del(ctx, str(domain), f) < 0)
		return NULL;
	return directory_methods_changed("domain", domain);
}

json_t *
directory_method_domain_set(void *ctx, const json_t *params, struct fault *f)
{
	const char *domain = directory_methods_need_text(params, "domain", f);
	struct directory_quota total, user;

	if (domain == NULL ||
	    directory_quota_take(params, "", DIRECTORY_QUOTA_KEEP, &total, f) <
		0 ||
	    directory_quota_take(
		params, "user_", DIRECTORY_QUOTA_KEEP, &user, f) < 0 ||
	    directory_domain_set_quota(ctx, str(domain), &total, &user, f) < 0)
		return NULL;
	return directory_methods_changed("domain", domain);
}

static json_t *
domain_to_json(const struct directory_domain *domain)
{
	json_t *item = json_new_object();

	json_put_text(item, "domain", domain->name);
	directory_quota_put(item, "", &domain->total);
	directory_quota_put(item, "user_", &domain->user);
	return item;
}

json_t *
directory_method_domain_get(void *ctx, const json_t *params, struct fault *f)
{
	const char *name = directory_methods_need_text(params, "domain", f);
	struct directory_domain domain;
	int rc;

	if (name == NULL)
		return NULL;
	rc = directory_domain_read(ctx, str(name), &domain, f);
	if (rc == 0)
		fault_perm(f, "5.1.1", "%.100s: there is no such domain", name);
	return rc > 0 ? domain_to_json(&domain) : NULL;
}

static int
list_domain(void *ctx, const struct directory_domain *domain)
{
	struct directory_page *page = ctx;

	if (!directory_methods_has_room(
		page, domain->name, strlen(domain->name)))
		return 1;
	json_add(page->items, domain_to_json(domain));
	return 0;
}

json_t *
directory_method_domain_list(void *ctx, const json_t *params, struct fault *f)
{
	struct directory_page page;
	struct str after;

	if (directory_methods_may_text(params, "after", &after, f) < 0 ||
	    directory_methods_begin_page(&page, params, f) < 0)
		return NULL;
	return directory_methods_end_page(&page, "domains",
	    directory_each_domain(ctx, after, list_domain, &page, f));
}

/* What holds for a user, the domain's included; what is no limit is left out. */
json_t *
directory_method_quota_get(void *ctx, const json_t *params, struct fault *f)
{
	const char *name = directory_methods_need_text(params, "user", f);
	struct directory_user user;
	struct quota_value v;
	json_t *result;
	int rc;

	if (name == NULL)
		return NULL;
	rc = directory_quota_get(ctx, str(name), &user, &v, f);
	mem_wipe(user.hash, sizeof user.hash);
	if (rc == 0)
		fault_perm(f, "5.1.1", "%.100s: there is no such user", name);
	if (rc <= 0)
		return NULL;
	result = json_new_object();
	json_put_text(result, "user", user.name);
	directory_quota_put(result, "",
	    &(struct directory_quota){(int64_t)v.bytes, (int64_t)v.messages});
	directory_quota_put(result, "domain_",
	    &(struct directory_quota){
		(int64_t)v.domain_bytes, (int64_t)v.domain_messages});
	return result;
}
