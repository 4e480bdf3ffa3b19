/* SPDX-License-Identifier: ISC */
/*
 * What makes a program a daemon: arguments, READY, sockets from the service
 * manager, signals, and giving up root.
 *
 * A daemon stays in the foreground. Its whole life is:
 *
 *   service_start() - reads arguments and configuration, opens the log
 *   service_listener() ... service_control() - while still root
 *   service_drop() - becomes the configured user
 *   service_run() - READY, then work until TERM has drained the sessions
 *   service_stop()
 */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/control.h"
#include "base/loop.h"
#include "base/net.h"
#include "base/options.h"
#include "base/server.h"

struct service_spec {
	const char *program; /* "posthouse-smtpd" */
	const char *version;
	const struct conf_table *table; /* the daemon's own section */
	bool wants_tls;                 /* reads the tls section too */
	struct loop_limits loop;
	struct server_limits limits;
	int64_t drain_ms; /* how long TERM waits for busy sessions */
	/* HUP: read what can be read again (certificates). Runs on a thread of
	 * its own, beside the sessions. */
	void (*reload)(void *ctx);
	/* TERM: begin nothing more that is no session. Likewise; before the
	 * sessions are drained. May be NULL. */
	void (*drain)(void *ctx);
	void *ctx;
};

struct service;

/*
 * Arguments: -c FILE (default SYSCONFDIR/posthouse/posthouse.conf), -h, -V.
 * Prints a clear error and exits by sysexits.h (EX_USAGE, EX_CONFIG) where
 * they, or the configuration, are bad. Ignores SIGPIPE, blocks the signals
 * that service_run() handles, sets umask 077, raises the limit of open files,
 * and opens standard streams that are closed.
 */
struct service *service_start(
    const struct service_spec *spec, int argc, char **argv) MUST_USE;
/* The limits may depend on the options: call before the first listener. */
void service_set_limits(struct service *service,
    const struct server_limits *limits, const struct loop_limits *loop);

const struct common_options *service_common(const struct service *service);
const struct tls_options *service_tls(const struct service *service);
/* For conf_where(). */
const struct conf *service_conf(const struct service *service);
const void *service_options(const struct service *service);
struct server *service_server(struct service *service);
struct loop *service_loop(struct service *service);

/*
 * Listens, or takes the socket that the service manager passed for the same
 * address (LISTEN_FDS). protocol is what `status` shows ("smtp", "lmtp"…).
 * mode is for unix sockets. Exits with EX_UNAVAILABLE, naming the address,
 * where the kernel refuses.
 */
void service_listener(struct service *service, const char *address,
    const char *protocol, mode_t mode, const struct session_ops *ops,
    void *state);

/*
 * Gives the socket of service_listener() to a group; a no-op where it is no
 * unix socket or group is NULL. Exits with EX_CONFIG, naming the option, where
 * there is no such group or the socket cannot be given to it.
 */
void service_listener_group(const struct service *service, const char *address,
    const char *option, const char *group);

/*
 * Serves <run_dir>/<program>.ctl with the daemon's methods (may be NULL) and
 * "status": {program, version, pid, uptime, sessions, listeners: [{protocol,
 * address, port}]} plus what `status` (may be NULL) puts into it.
 */
void service_control(struct service *service,
    const struct control_method *methods, void *ctx,
    void (*status)(void *ctx, json_t *object));

/* Becomes the user and its group; a no-op where user is NULL. As root without
 * a user: logs a warning and goes on. Exits where the user does not exist.
 * Opens the journal in <state_dir>/journal/<program>, which belongs to the user
 * and may be read by admin_group; where that fails, a warning. */
void service_drop(struct service *service, const char *user);

/*
 * Says READY (NOTIFY_SOCKET, sd_notify(3)'s protocol) and works. HUP reloads.
 * TERM and INT drain; a second one ends at once (EX_TEMPFAIL), and so does a
 * process that hangs for some seconds past drain_ms (EX_SOFTWARE). Control
 * methods may still be called while it drains. Returns an exit status.
 */
int service_run(struct service *service);
void service_stop(struct service **service);

#endif
