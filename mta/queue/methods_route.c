/* SPDX-License-Identifier: ISC */
/* The operator's question where mail would go. */
#include "config.h"

#include "mta/queue/methods_private.h"
#include "mta/queue/way_out.h"
#include "proto/address.h"

json_t *
queue_method_explain(void *ctx, const json_t *params, struct fault *f)
{
	const struct queue_admin *admin = ctx;
	const char *from = json_get_text(params, "from");
	const char *to = json_get_text(params, "to");
	struct address sender = {.host = ADDRESS_NO_HOST}, rcpt;

	if (admin->way_out == NULL) {
		fault_temp(f, "4.3.2", "the queue is not open yet");
		return NULL;
	}
	if (to == NULL) {
		fault_perm(f, "5.5.4", "to is missing");
		return NULL;
	}
	if ((from != NULL && from[0] != '\0' &&
		address_parse(str(from), &sender, f) < 0) ||
	    address_parse(str(to), &rcpt, f) < 0)
		return NULL;
	return way_out_explain(admin->way_out, &sender, &rcpt);
}
