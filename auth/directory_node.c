/* SPDX-License-Identifier: ISC */
/* The node of a user. */
#include "config.h"

#include "auth/directory_node.h"

#include <ctype.h>
#include <time.h>

#include "auth/directory_audit.h"
#include "auth/directory_driver.h"

bool
directory_node_is_name(struct str text)
{
	if (text.len == 0 || text.len >= DIRECTORY_NODE_SIZE ||
	    text.at[0] == '-')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c > 127 ||
		    (!isalnum(c) && c != '-' && c != '_' && c != '.'))
			return false;
	}
	return true;
}

static int
set(struct directory_user *user, const char *node, enum directory_moving moving,
    struct fault *f)
{
	if (moving != DIRECTORY_MOVING_KEEP)
		user->moving = moving == DIRECTORY_MOVING_ON;
	if (node == NULL)
		return 0;
	if (node[0] != '\0' && !directory_node_is_name(str(node)))
		return fault_perm(
		    f, "5.5.4", "\"%.80s\" is no name of a node", node);
	return str_copy(str(node), user->node, sizeof user->node) ? 0 : -1;
}

int
directory_user_set_node(struct directory *d, struct str name, const char *node,
    enum directory_moving moving, struct fault *f)
{
	struct directory_user user;
	int rc;

	directory_begin_change(d);
	rc = directory_need_user(d, name, &user, f);
	if (rc == 0)
		rc = set(&user, node, moving, f);
	if (rc == 0) {
		user.changed = (int64_t)time(NULL);
		d->driver->put_user(d->store, &user);
		directory_audit(d, "user.set", user.name, "node=%s moving=%s",
		    user.node[0] != '\0' ? user.node : "-",
		    user.moving ? "yes" : "no");
	}
	return directory_end_change(d, rc, f);
}
