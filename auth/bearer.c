/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/bearer.h"

static const char separator = '\1';

const char bearer_oauth_failure[] = "{\"status\":\"invalid_token\"}";
const char bearer_xoauth2_failure[] =
    "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}";

/* "auth=Bearer TOKEN" among the pairs, which end in an empty one. */
static bool
find_token(struct str pairs, struct str *token)
{
	bool found = false;

	for (;;) {
		struct str pair;

		if (!str_has(pairs, separator))
			return false;
		pair = str_cut(&pairs, separator);
		if (pair.len == 0)
			return found && pairs.len == 0;
		if (str_is(str_head(pair, 5), STR_LIT("auth="))) {
			struct str value = str_from(pair, 5);
			struct str scheme = str_cut(&value, ' ');

			/* Two of them: which one would count? */
			if (found || !str_is_nocase(scheme, STR_LIT("Bearer")))
				return false;
			*token = value;
			found = true;
		}
	}
}

/* RFC 5801 4: "," and "=" are written otherwise in a name. */
static bool
put_name(struct str text, struct buf *name)
{
	while (text.len > 0) {
		struct str three = str_head(text, 3);
		bool comma = str_is(three, STR_LIT("=2C"));

		if (text.at[0] != '=') {
			buf_putc(name, text.at[0]);
			text = str_from(text, 1);
			continue;
		}
		if (!comma && !str_is(three, STR_LIT("=3D")))
			return false;
		buf_putc(name, comma ? ',' : '=');
		text = str_from(text, 3);
	}
	return !buf_is_full(name);
}

bool
bearer_parse_oauth(struct str response, struct bearer *b, struct buf *name)
{
	struct str rest = response, gs2, flag, user;

	*b = (struct bearer){0};
	buf_reset(name);
	if (!str_has(response, separator))
		return false;
	gs2 = str_cut(&rest, separator);
	flag = str_cut(&gs2, ',');
	/* No channel is bound to: "y" says that the client could. */
	if (!str_is(flag, STR_LIT("n")) && !str_is(flag, STR_LIT("y")))
		return false;
	user = str_cut(&gs2, ',');
	if (gs2.len > 0 || !find_token(rest, &b->token))
		return false;
	if (user.len == 0)
		return true;
	if (!str_is(str_head(user, 2), STR_LIT("a=")) ||
	    !put_name(str_from(user, 2), name))
		return false;
	b->user = buf_str(name);
	return true;
}

bool
bearer_parse_xoauth2(struct str response, struct bearer *b)
{
	struct str rest = response, user;

	*b = (struct bearer){0};
	user = str_cut(&rest, separator);
	if (!str_is(str_head(user, 5), STR_LIT("user=")) ||
	    !find_token(rest, &b->token))
		return false;
	b->user = str_from(user, 5);
	return true;
}
