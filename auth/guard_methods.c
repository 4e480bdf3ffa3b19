/* SPDX-License-Identifier: ISC */
/* Locks, as the operator sees them. */
#include "config.h"

#include "auth/guard_methods.h"

#include "auth/directory_methods.h"
#include "auth/guard.h"
#include "auth/name.h"
#include "base/clock.h"
#include "base/net.h"

json_t *
guard_methods_lift(struct guard *guard, const json_t *params, struct fault *f)
{
	const char *what = directory_methods_need_text(params, "what", f);
	struct net_network network;
	char key[NAME_SIZE];
	struct fault ignored;
	json_t *result;
	bool is_network, locked;

	if (what == NULL)
		return NULL;
	is_network = net_parse_network(str(what), &network, &ignored) == 0;
	if (is_network) {
		locked = guard_lift_network(guard, str(what), clock_ms());
	} else if (name_key(str(what), key)) {
		locked = guard_lift_account(guard, str(key), clock_ms());
	} else {
		fault_perm(f, "5.5.4",
		    "\"%.100s\" is neither a login nor an address", what);
		return NULL;
	}
	result = json_new_object();
	json_put_text(result, "kind", is_network ? "network" : "account");
	json_put_bool(result, "locked", locked);
	return result;
}
