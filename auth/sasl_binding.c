/* SPDX-License-Identifier: ISC */
/* Channel binding: what a client of SCRAM says of it in its first words, and
 * what the asking server knows. */
#include "config.h"

#include "auth/directory.h"
#include "auth/sasl_private.h"

void
sasl_exchange_set_channel(struct sasl_exchange *x, bool can_bind)
{
	x->can_bind = can_bind;
}

const char *
sasl_exchange_wants_binding(const struct sasl_exchange *x)
{
	return x->binding[0] != '\0' && buf_len(&x->channel) == 0 ? x->binding
								  : NULL;
}

bool
sasl_exchange_set_binding(struct sasl_exchange *x, struct str data)
{
	buf_reset(&x->channel);
	buf_put_str(&x->channel, data);
	return data.len > 0 && !buf_is_full(&x->channel);
}

/* The kind that the client names in "p=KIND,": RFC 5056 7, bounded. */
static bool
take_binding(struct sasl_exchange *x, struct str rest)
{
	struct str kind = str_cut(&rest, ',');

	for (size_t i = 0; i < kind.len; i++) {
		char c = kind.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '.')
			return false;
	}
	return kind.len > 0 && str_copy(kind, x->binding, sizeof x->binding);
}

static bool
offers_plus(const struct sasl_exchange *x)
{
	for (size_t i = 0; mechanisms[i].name != NULL; i++) {
		if (sasl_offers(&mechanisms[i]) && mechanisms[i].binds &&
		    mechanisms[i].sha256 == x->mechanism->sha256)
			return x->can_bind;
	}
	return false;
}

bool
sasl_binding_may_begin(struct sasl_exchange *x, struct str response)
{
	const char *trouble = NULL;

	if (x->mechanism->form != DIRECTORY_FORM_SCRAM || x->has_begun)
		return true;
	x->has_begun = true;
	if (x->mechanism->binds != str_starts(response, STR_LIT("p=")))
		trouble = x->mechanism->binds ? "binds to no channel"
					      : "insists on a channel";
	else if (x->mechanism->binds &&
		 (!x->can_bind || !take_binding(x, str_from(response, 2))))
		trouble = "binds to a channel that we do not know";
	else if (str_starts(response, STR_LIT("y")) && offers_plus(x))
		trouble = "was not told that it can bind to the channel";
	if (trouble == NULL)
		return true;
	x->has_why = true;
	fault_perm(&x->why, "5.7.8", "%s", trouble);
	return false;
}
