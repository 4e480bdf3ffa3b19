/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods on the queue. Parameters, "?" where they may be
 * missing:
 *
 *   queue.list      selection? from? limit?
 *   queue.show      id
 *   queue.body      id, offset? limit?
 *   queue.retry     selection, from? dry_run?
 *   queue.hold      selection, from? dry_run?
 *   queue.release   selection, from? dry_run?
 *   queue.delete    selection, from? dry_run?
 *   queue.bounce    selection, from? dry_run?
 *   queue.redirect  selection, to, from? dry_run?
 *   queue.drain     selection, to, from? dry_run?
 *   queue.flush     domain?
 *   queue.pause     hop
 *   queue.resume    hop
 *   queue.stats
 *   queue.backup
 *   route.explain   to, from?
 *   tls.policies    domain?
 *   tls.forget      domain
 *   tls.counts      domain?
 *   tls.report      domain?
 *
 * A selection is what select.h reads: id, or sender, recipient, domain, reason,
 * older, younger, state, or all. Those of recipients mean recipients: "delete
 * recipient=a@b" takes a@b off messages that have others too.
 *
 * Each call does a bounded piece of work. Where there may be more, the result
 * has next: what to give as `from` in the following call, also where this one
 * has found nothing. Sums are over all calls.
 *
 *   list    {messages: [message…], next?}
 *   message {id, arrived, expires, size, sender, owner, held, notice,
 *           recipients: [recipient…], total}   at most ten recipients that are
 *           meant, and how many the message has in all
 *   recipient {recipient, state, attempts, due, last?, dsn?, reason?, reply?,
 *           host?, address?}   state: waiting, delivered, failed; reply is what
 *           the host said, where the reason is not in our own words
 *   show    a message with all its recipients, and {body, smtputf8,
 *           requiretls, verp, ret?, envid?, auth?, client: {name…}, header}
 *   body    {offset, size, base64, next?}: next is the next offset
 *   retry, hold, release, delete, bounce, redirect, drain  {messages, recipients,
 *           next?, under_way?}: how many were changed, or with dry_run would
 *           be. Of delete, bounce and redirect, under_way is how many messages
 *           were left alone, as an attempt to send them had begun
 *   flush   {messages}: how many are due now
 *   pause, resume  {hop, paused}; a hop is its key in stats, or a domain
 *   stats   {messages, bytes, active, hops: [hop…], more: bool}
 *   backup  {dir}: where queue_backup() has put the copy; it belongs to the
 *           caller, until the next one is made in its place
 *   hop     {hop, provider, waiting, active, concurrency, max?, rate?, period?,
 *           gap?, paused, dead_until?, dsn?, reason?}   max, rate in a period
 *           and gap, in ms, are the provider's limits in force
 *
 *   policies {policies: [{domain, mode, id, mx: [], max_age, fetched, expires,
 *           trouble?}], more: bool}: those of MTA-STS that have not expired
 *   forget  {domain}; 5.1.0 where no policy of it is known
 *   counts  {days: [{domain, day, wanted?, policies}]}: how sessions fared that
 *           were not reported yet, as RFC 8460 4.4 has policies
 *   report  {reports}: how many were sent, of the day that is not over too
 *
 *   explain as in mta/send/explain.h; without `from`, for the null sender
 *
 * drain gives a next hop, "HOST[:PORT]", "smtp:HOST[:PORT]", "lmtp:ADDRESS" or
 * "mx:DOMAIN", in place of the routes, and "route" gives them back. What it
 * refuses for good goes by the routes again.
 *
 * Times are ms since 1970. A message that is not there is 5.1.1 for show and
 * body, and nothing changed for the others.
 */
#ifndef MTA_QUEUE_METHODS_H
#define MTA_QUEUE_METHODS_H

#include "base/control.h"

/* ctx is a struct queue_admin. */
extern const struct control_method queue_methods[];

struct notifier;
struct queue;
struct scheduler;
struct way_out;

/* NULL until it is open: 4.3.2. */
struct queue_admin {
	struct queue *queue;
	struct scheduler *scheduler;
	struct notifier *notifier;
	struct way_out *way_out;
};

#endif
