/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/etrn.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "mta/send/wire.h"
#include "mta/smtpd/session.h"
#include "mta/smtpd/trust.h"
#include "proto/domain.h"

/* The domain, with what stands in front of it, or -1 with the reason. */
static int
read_node(struct str node, char text[DOMAIN_SIZE + 1], struct fault *f)
{
	bool below = str_starts(node, STR_LIT("@"));
	char domain[DOMAIN_SIZE];

	if (str_starts(node, STR_LIT("#")))
		return fault_perm(f, "5.7.1", "there are no named queues");
	if (!domain_to_ascii(str_from(node, below), domain))
		return fault_perm(f, "5.5.4", "that is no domain");
	snprintf(text, DOMAIN_SIZE + 1, "%s%s", below ? "@" : "", domain);
	return 0;
}

static bool
may_ask(const struct smtpd_session *s, const struct smtp_state *st)
{
	const struct smtpd *smtpd = s->smtpd;

	return smtpd_session_user(s, st).len > 0 || s->trusted ||
	       trust_has(smtpd->etrn_from, smtpd->n_etrn_from, s->peer);
}

/* Asks the queue. What is wrong there is the operator's business. */
static int
ask_queue(struct smtpd_session *s, const char *node, int64_t *started,
    struct fault *f)
{
	const struct wire_conf conf = {
	    .dialect = DIALECT_LMTP,
	    .hostname = s->smtpd->hostname,
	    .reply_ms = (int64_t)s->smtpd->options->delivery_timeout,
	};
	int64_t deadline =
	    clock_ms() + (int64_t)s->smtpd->options->delivery_timeout;
	int fd = net_connect(&s->smtpd->queue_address, deadline, f);
	struct wire *wire = fd < 0 ? NULL : wire_new(fd, &conf);
	int rc = -1;

	if (wire != NULL && wire_greet(wire, f) == 0)
		rc = wire_etrn(wire, str(node), started, f);
	wire_free(&wire);
	if (rc == 0)
		return 0;
	log_warn(&s->log, "no queue", "reason", f->text, NULL);
	return fault_temp(f, "4.3.0", "the queue is not available, try later");
}

int
etrn_start(void *ctx, const struct smtp_state *st, struct str node,
    int64_t *started, struct fault *f)
{
	struct smtpd_session *s = ctx;
	char text[DOMAIN_SIZE + 1];

	if (read_node(node, text, f) < 0)
		return -1;
	if (!may_ask(s, st))
		return fault_perm(
		    f, "5.7.1", "only known clients may ask for mail");
	if (!domains_has(&s->smtpd->etrn_domains, str(text + (*text == '@'))))
		return fault_perm(
		    f, "5.7.1", "no mail is kept here for this domain");
	if (ask_queue(s, text, started, f) < 0)
		return -1;
	log_info(&s->log, "queue asked for", "client", s->peer->address, "node",
	    text, "messages", LOG_NUM(*started), NULL);
	return 0;
}
