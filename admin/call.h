/* SPDX-License-Identifier: ISC */
/*
 * How a command reaches what a daemon owns: by the daemon's control socket
 * where it runs, else by opening the directory or the store under its lock, as
 * the user that they belong to. An owner that does not answer is reported,
 * never bypassed.
 */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include "admin/cmd.h"
#include "admin/place.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"

struct call;
struct directory_conf;

/*
 * Finds the owner, or takes its place: then this process is its user from here
 * on. Waits some seconds for an owner that comes or goes. 4.3.2 where one holds
 * the lock and does not answer; 4.7.0 where we have no right to it.
 */
struct call *call_open(
    const char *conf_file, enum place_owner owner, struct fault *f) MUST_USE;
void call_close(struct call **call);

/*
 * For what is done on the directory itself, whether posthouse-authd runs or not:
 * this process is its user from here on. conf, which lives as long as the call,
 * says where it is. One in Berkeley DB has one owner: directory_open() fails
 * with 4.3.2 while posthouse-authd runs. There are no methods.
 */
struct call *call_open_alone(const char *conf_file, struct directory_conf *conf,
    struct fault *f) MUST_USE;

/* Returns the method's result (new). Borrows params, which may be NULL. */
json_t *call_method(struct call *call, const char *method, const json_t *params,
    struct fault *f) MUST_USE;

/*
 * All three for one method. Takes params, which may be NULL; result may be
 * NULL where only success matters.
 */
int call_once(const struct cmd_line *line, enum place_owner owner,
    const char *method, json_t *params, json_t **result,
    struct fault *f) MUST_USE;

/*
 * The same for a method of the directory that changes what it has. n: how many
 * changes were put into params, and must be one at least (5.5.4); -1: one of
 * them was no good, as f says already. Takes params.
 */
int call_set(const struct cmd_line *line, const char *method, json_t *params,
    int n, struct fault *f) MUST_USE;

#endif
