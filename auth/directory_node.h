/* SPDX-License-Identifier: ISC */
/*
 * Store nodes: which of several hosts keeps a user's mailbox. The directory
 * only says so; where a node is reached is said by the configuration.
 */
#ifndef AUTH_DIRECTORY_NODE_H
#define AUTH_DIRECTORY_NODE_H

#include <stdbool.h>

#include "auth/directory.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

/* A name of a node: letters, digits, "-", "_" and ".", 63 at most. */
bool directory_node_is_name(struct str text) MUST_USE;

enum directory_moving {
	DIRECTORY_MOVING_KEEP,
	DIRECTORY_MOVING_ON,
	DIRECTORY_MOVING_OFF,
};
/* In one change. node: NULL leaves it as it is, "" is none. Permanent: 5.1.1
 * where there is no such user, 5.5.4 where it is no name of a node. */
int directory_user_set_node(struct directory *d, struct str name,
    const char *node, enum directory_moving moving, struct fault *f) MUST_USE;

#endif
