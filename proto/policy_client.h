/* SPDX-License-Identifier: ISC */
/*
 * Asking a policy service (policy.h): a pool of connections, one request at a
 * time on each.
 */
#ifndef PROTO_POLICY_CLIENT_H
#define PROTO_POLICY_CLIENT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/net.h"
#include "base/str.h"

struct policy_client;

/* May be used by many threads at once. timeout_ms is for one question,
 * connecting included. */
struct policy_client *policy_client_new(
    const struct net_address *address, int64_t timeout_ms) MUST_USE;
void policy_client_free(struct policy_client **client);

/*
 * request is lines of policy_put() with their policy_put_end(). Blocks. 0 with
 * *action replaced by what stands behind "action="; -1 with a temporary fault
 * 4.4.3 where the service does not answer, or not by the protocol. A pooled
 * connection that turns out dead is replaced once.
 */
int policy_ask(struct policy_client *client, struct str request,
    struct buf *action, struct fault *f) MUST_USE;

#endif
