/* SPDX-License-Identifier: ISC */
/* posthouse lock: who was locked out for guessing passwords. */
#include "config.h"

#include <stdio.h>

#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/place.h"
#include "base/control.h"

static int lift(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_lock[] = {
	{ "lock", "lift", "NAME|ADDRESS", 1, 1, CMD_JSON,
	  "let a login, or the network of an address, in again", lift },
	{ 0 },
};
/* clang-format on */

enum { ANSWER_MS = 10000 };

/* Locks are in a running daemon's memory, and nowhere else. */
static int
lift(struct cmd_line *line, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, false, f);
	json_t *params = json_new_object(), *result = NULL;
	struct place place;
	int rc = -1;

	json_put_text(params, "what", line->args[0]);
	if (conf == NULL || place_of(conf, PLACE_AUTHD, &place, f) < 0)
		goto out;
	result = control_request_within(
	    place.control, "lock.lift", params, ANSWER_MS, f);
	if (result == NULL)
		goto out;
	rc = 0;
	if (line->json)
		list_print_json(line, result);
	else
		fprintf(line->out, "%s: %s\n", line->args[0],
		    json_get_bool(result, "locked", false)
			? "is not locked any more"
			: "was not locked");
out:
	json_free(&result);
	json_free(&params);
	if (conf != NULL)
		conf_free(&conf);
	return rc;
}
