/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/tls_verdict.h"

#include "base/attr.h"

/* A policy that the domain says it has, and that could not be had. */
static const char *const troubles[] = {
    [STS_TROUBLE_NONE] = NULL,
    [STS_TROUBLE_FETCH] = "sts-policy-fetch-error",
    [STS_TROUBLE_INVALID] = "sts-policy-invalid",
    [STS_TROUBLE_WEBPKI] = "sts-webpki-invalid",
};

static const struct tls_verdict flaws[] = {
    [TLS_FLAW_NONE] = {NULL, NULL},
    [TLS_FLAW_EXPIRED] = {"certificate-expired", NULL},
    [TLS_FLAW_NAME] = {"certificate-host-mismatch", NULL},
    [TLS_FLAW_UNTRUSTED] = {"certificate-not-trusted", NULL},
    [TLS_FLAW_TLSA] = {"validation-failure", "tlsa-no-match"},
    [TLS_FLAW_OTHER] = {"validation-failure", NULL},
};

/* Before there is a session. */
static struct tls_verdict
verdict_of_policy(const struct tls_policy *p, const struct sts_found *sts)
{
	if (p->is_bogus)
		return (struct tls_verdict){"dnssec-invalid", NULL};
	if (p->is_dane)
		return (struct tls_verdict){
		    p->demand.n_tlsa == 0 ? "tlsa-invalid" : NULL, NULL};
	if (sts != NULL && sts->text == NULL)
		return (struct tls_verdict){troubles[sts->trouble], NULL};
	if (p->sts != NULL && p->is_foreign)
		return (struct tls_verdict){
		    "validation-failure", "mx-mismatch"};
	return (struct tls_verdict){NULL, NULL};
}

struct tls_verdict
tls_verdict_of(const struct tls_policy *p, const struct sts_found *sts,
    const struct opening_tls *tls)
{
	struct tls_verdict v = verdict_of_policy(p, sts);

	if (v.failure != NULL || tls == NULL)
		return v;
	if (tls->not_offered)
		return (struct tls_verdict){"starttls-not-supported", NULL};
	/* Without a demand nobody's proof counts. */
	if (p->demand.proof != TLS_PROOF_NONE)
		v = flaws[tls->flaw];
	if (v.failure == NULL && tls->failed)
		v = (struct tls_verdict){"validation-failure", "handshake"};
	return v;
}
