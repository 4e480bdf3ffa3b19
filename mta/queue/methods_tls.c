/* SPDX-License-Identifier: ISC */
/* The operator's methods on what domains say of TLS. */
#include "config.h"

#include "base/log.h"
#include "mta/queue/methods_private.h"
#include "mta/queue/tls_reporter.h"
#include "mta/queue/way_out.h"
#include "mta/send/sts.h"
#include "proto/domain.h"

enum { POLICIES_MAX = 1000 };

static struct sts *
sts_of(const struct queue_admin *admin, struct fault *f)
{
	struct sts *sts = NULL;

	if (admin->way_out == NULL)
		fault_temp(f, "4.3.2", "the queue is not open yet");
	else if ((sts = way_out_sts(admin->way_out)) == NULL)
		fault_perm(f, "5.5.1", "mta_sts is off");
	return sts;
}

/* NULL where none is given: *name is empty. */
static int
take_domain(const json_t *params, char name[DOMAIN_SIZE], struct fault *f)
{
	const char *domain = json_get_text(params, "domain");

	name[0] = '\0';
	if (domain == NULL || domain_to_ascii(str(domain), name))
		return 0;
	return fault_perm(f, "5.5.4", "\"%.150s\" is no domain", domain);
}

struct listing {
	json_t *policies;
	const char *domain; /* "": all */
	bool more;
};

static void
put_policy(void *ctx, const struct sts_entry *e)
{
	struct listing *l = ctx;
	struct sts_policy policy;
	struct fault ignored;
	json_t *o, *mx;

	if (l->domain[0] != '\0' && strcmp(l->domain, e->domain) != 0)
		return;
	l->more = json_len(l->policies) == POLICIES_MAX;
	if (l->more || sts_parse_policy(str(e->text), &policy, &ignored) < 0)
		return;
	o = json_new_object();
	mx = json_new_array();
	for (size_t i = 0; i < policy.n_mx; i++)
		json_add_str(mx, policy.mx[i]);
	json_put_text(o, "domain", e->domain);
	json_put_text(o, "mode", sts_mode_name(policy.mode));
	json_put_text(o, "id", e->id);
	json_put(o, "mx", mx);
	json_put_int(o, "max_age", policy.max_age);
	json_put_int(o, "fetched", e->fetched);
	json_put_int(o, "expires", e->expires);
	if (e->trouble != STS_TROUBLE_NONE)
		json_put_text(o, "trouble", e->reason);
	json_add(l->policies, o);
}

json_t *
queue_method_policies(void *ctx, const json_t *params, struct fault *f)
{
	struct sts *sts = sts_of(ctx, f);
	char domain[DOMAIN_SIZE];
	struct listing l = {.domain = domain};
	json_t *result;

	if (sts == NULL || take_domain(params, domain, f) < 0)
		return NULL;
	l.policies = json_new_array();
	sts_each(sts, put_policy, &l);
	result = json_new_object();
	json_put(result, "policies", l.policies);
	json_put_bool(result, "more", l.more);
	return result;
}

json_t *
queue_method_forget(void *ctx, const json_t *params, struct fault *f)
{
	struct sts *sts = sts_of(ctx, f);
	char domain[DOMAIN_SIZE];
	json_t *result;

	if (sts == NULL || take_domain(params, domain, f) < 0)
		return NULL;
	if (domain[0] == '\0') {
		fault_perm(f, "5.5.4", "domain is missing");
		return NULL;
	}
	if (!sts_forget(sts, domain)) {
		fault_perm(f, "5.1.0", "no policy of %.150s is known", domain);
		return NULL;
	}
	log_info(NULL, "MTA-STS policy forgotten", "domain", domain, NULL);
	result = json_new_object();
	json_put_text(result, "domain", domain);
	return result;
}

static struct tls_reporter *
reporter_of(const struct queue_admin *admin, struct fault *f)
{
	struct tls_reporter *reporter = NULL;

	if (admin->way_out == NULL)
		fault_temp(f, "4.3.2", "the queue is not open yet");
	else if ((reporter = way_out_reporter(admin->way_out)) == NULL)
		fault_perm(f, "5.5.1", "tls_reports is off");
	return reporter;
}

/* What a method about sessions gives, for a domain ("": all). */
static json_t *
of_sessions(void *ctx, const json_t *params,
    void (*put)(struct tls_reporter *reporter, const char *domain, json_t *o),
    struct fault *f)
{
	struct tls_reporter *reporter = reporter_of(ctx, f);
	char domain[DOMAIN_SIZE];
	json_t *result;

	if (reporter == NULL || take_domain(params, domain, f) < 0)
		return NULL;
	result = json_new_object();
	put(reporter, domain, result);
	return result;
}

static void
put_reports(struct tls_reporter *reporter, const char *domain, json_t *o)
{
	json_put_int(o, "reports", (int64_t)tls_reporter_run(reporter, domain));
}

json_t *
queue_method_report(void *ctx, const json_t *params, struct fault *f)
{
	return of_sessions(ctx, params, put_reports, f);
}

static void
put_counts(struct tls_reporter *reporter, const char *domain, json_t *o)
{
	json_put(o, "days", tls_reporter_counts(reporter, domain));
}

json_t *
queue_method_counts(void *ctx, const json_t *params, struct fault *f)
{
	return of_sessions(ctx, params, put_counts, f);
}
