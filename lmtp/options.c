/* SPDX-License-Identifier: ISC */
/*
 * The options of posthouse-lmtpd. What one option alone cannot say is checked
 * here too, so that "config check" and the daemon refuse the same.
 */
#include "config.h"

#include "lmtp/options.h"

#include <stddef.h>

#include "base/net.h"
#include "lmtp/warning.h"
#include "proto/domain.h"
#include "store/expire_rules.h"
#include "store/keeper.h"

static const char *const commits[] = {"group", "each", NULL};
static const char *const quota_fulls[] = {"later", "never", NULL};
static const char *const directories[] = {"socketmap", "none", NULL};

#define LMTPD(field) offsetof(struct lmtpd_options, field)

/* clang-format off */
static const struct conf_option lmtpd_options[] = {
	{ .name = "user", .type = CONF_TEXT, .offset = LMTPD(user),
	  .help = "the user to run as; the mailboxes belong to it" },
	{ .name = "listen", .type = CONF_LIST, .offset = LMTPD(listen),
	  .help = "addresses to serve; default: lmtp.sock in run_dir" },
	{ .name = "socket_mode", .type = CONF_TEXT,
	  .offset = LMTPD(socket_mode), .fallback = "0660",
	  .help = "who may connect to the unix sockets" },
	{ .name = "socket_group", .type = CONF_TEXT,
	  .offset = LMTPD(socket_group),
	  .help = "the group of the unix sockets" },
	{ .name = "root", .type = CONF_PATH, .offset = LMTPD(root),
	  .help = "the folder of all mailboxes; default: mail in state_dir" },
	{ .name = "index_dir", .type = CONF_PATH, .offset = LMTPD(index_dir),
	  .help = "the folder of the index; default: index in state_dir" },
	{ .name = "index_cache", .type = CONF_SIZE,
	  .offset = LMTPD(index_cache), .fallback = "0",
	  .max = UINT64_C(1) << 36,
	  .help = "memory for the index; 0: as much as it needs, within "
		  "reason" },
	{ .name = "watches", .type = CONF_NUMBER, .offset = LMTPD(watches),
	  .fallback = "20000", .max = 10000000,
	  .help = "directories at most in which other programs' changes are "
		  "noticed at once" },
	{ .name = "look_interval", .type = CONF_TIME,
	  .offset = LMTPD(look_interval), .fallback = "10m", .min = 1000,
	  .max = 86400000,
	  .help = "how often all mailboxes are looked at for changes of other "
		  "programs" },
	{ .name = "commit", .type = CONF_CHOICE, .offset = LMTPD(commit),
	  .fallback = "group", .choices = commits,
	  .help = "group: one sync for all that wait; each: every file "
		  "by itself, for NFS and file systems without a journal" },
	{ .name = "expire", .type = CONF_LIST, .offset = LMTPD(expire),
	  .help = "how long messages stay in which folder, like \"Trash "
		  "30d\"; default: for ever" },
	{ .name = "expire_at", .type = CONF_TEXT, .offset = LMTPD(expire_at),
	  .fallback = "03:30",
	  .help = "when that is done, each day" },
	{ .name = "keep_removed", .type = CONF_TIME,
	  .offset = LMTPD(keep_removed), .fallback = "14d", .min = 1000,
	  .max = UINT64_C(86400000) * 36500,
	  .help = "how long what was expired or deleted can be brought back" },
	{ .name = "separator", .type = CONF_TEXT, .offset = LMTPD(separator),
	  .fallback = "+",
	  .help = "what splits user+folder; \"\": nothing" },
	{ .name = "directory", .type = CONF_CHOICE,
	  .offset = LMTPD(directory), .fallback = "socketmap",
	  .choices = directories,
	  .help = "none: the sender has checked the recipients, any in "
		  "`domains` is taken" },
	{ .name = "socketmap", .type = CONF_TEXT, .offset = LMTPD(socketmap),
	  .help = "where mailboxes are looked up; "
		  "default: socketmap.sock in run_dir" },
	{ .name = "node", .type = CONF_TEXT, .offset = LMTPD(node),
	  .help = "our name, where other hosts keep mailboxes too: those that "
		  "the directory gives to another node are refused" },
	{ .name = "domains", .type = CONF_LIST, .offset = LMTPD(domains),
	  .help = "whose mailboxes are taken where directory is none" },
	{ .name = "trusted", .type = CONF_LIST, .offset = LMTPD(trusted),
	  .help = "networks, and users behind unix sockets, that may say by "
		  "XFORWARD whose message it is; root and the own user may" },
	{ .name = "quota", .type = CONF_BOOL, .offset = LMTPD(quota),
	  .fallback = "on",
	  .help = "whether mailboxes hold no more than the directory says" },
	{ .name = "quota_full", .type = CONF_CHOICE,
	  .offset = LMTPD(quota_full), .fallback = "later",
	  .choices = quota_fulls,
	  .help = "mail for a full mailbox is to come again later, or is "
		  "refused for good (never)" },
	{ .name = "quota_grace", .type = CONF_SIZE,
	  .offset = LMTPD(quota_grace), .fallback = "0",
	  .max = UINT64_C(1) << 40,
	  .help = "by how much the last message may pass the quota" },
	{ .name = "quota_trash", .type = CONF_BOOL,
	  .offset = LMTPD(quota_trash), .fallback = "on",
	  .help = "whether the folder Trash, and what is marked as deleted, "
		  "counts; off: as Debian's Courier does it" },
	{ .name = "quota_status", .type = CONF_LIST,
	  .offset = LMTPD(quota_status),
	  .help = "addresses to answer at whether a mailbox has room, by "
		  "Postfix' policy protocol; default: quota.sock in run_dir" },
	{ .name = "quota_warnings", .type = CONF_LIST,
	  .offset = LMTPD(quota_warnings), .fallback = "80 95",
	  .help = "how full, in percent, a mailbox is when its user is told" },
	{ .name = "templates", .type = CONF_PATH, .offset = LMTPD(templates),
	  .help = "a folder with the words of these warnings, quota.txt; "
		  "default: built in" },
	{ .name = "threads", .type = CONF_NUMBER, .offset = LMTPD(threads),
	  .fallback = "256", .min = 4, .max = 4096,
	  .help = "threads at most, those that wait for the disk included" },
	{ .name = "max_sessions", .type = CONF_NUMBER,
	  .offset = LMTPD(max_sessions), .fallback = "1000", .max = 100000,
	  .help = "connections at once; 0: no limit" },
	{ .name = "max_size", .type = CONF_SIZE, .offset = LMTPD(max_size),
	  .fallback = "64M", .max = UINT64_C(1) << 40,
	  .help = "size of a message; 0: no limit" },
	{ .name = "max_recipients", .type = CONF_NUMBER,
	  .offset = LMTPD(max_recipients), .fallback = "1000", .min = 1,
	  .max = 50000,
	  .help = "recipients of a message" },
	{ .name = "max_errors", .type = CONF_NUMBER,
	  .offset = LMTPD(max_errors), .fallback = "1000", .min = 1,
	  .max = 1000000,
	  .help = "refused commands before the connection is closed" },
	{ .name = "command_timeout", .type = CONF_TIME,
	  .offset = LMTPD(command_timeout), .fallback = "5m", .min = 1000,
	  .max = 86400000,
	  .help = "how long to wait for a command" },
	{ .name = "data_timeout", .type = CONF_TIME,
	  .offset = LMTPD(data_timeout), .fallback = "3m", .min = 1000,
	  .max = 86400000,
	  .help = "how long to wait for the next piece of a message" },
	{ .name = "lookup_timeout", .type = CONF_TIME,
	  .offset = LMTPD(lookup_timeout), .fallback = "10s", .min = 100,
	  .max = 240000,
	  .help = "how long to wait for the directory" },
	{ .name = "lookup_cache", .type = CONF_TIME,
	  .offset = LMTPD(lookup_cache), .fallback = "5s", .max = 300000,
	  .help = "how long a mailbox that was found is remembered" },
	{ .name = NULL },
};
/* clang-format on */

static int
check_list(const struct conf_list *list, const char *name, struct fault *f)
{
	struct net_address address;
	struct fault why;

	for (size_t i = 0; i < list->n; i++) {
		if (net_parse(str(list->items[i]), &address, &why) < 0)
			return fault_perm(f, "5.3.5", "%s: %s", name, why.text);
	}
	return 0;
}

static int
check_addresses(const struct lmtpd_options *o, struct fault *f)
{
	struct net_address address;
	struct fault why;

	if (check_list(&o->listen, "listen", f) < 0 ||
	    check_list(&o->quota_status, "quota_status", f) < 0)
		return -1;
	if (o->socketmap != NULL &&
	    net_parse(str(o->socketmap), &address, &why) < 0)
		return fault_perm(f, "5.3.5", "socketmap: %s", why.text);
	return 0;
}

static int
check_domains(const struct lmtpd_options *o, struct fault *f)
{
	char domain[DOMAIN_SIZE];

	if (o->directory == LMTPD_NONE && o->domains.n == 0)
		return fault_perm(f, "5.3.5",
		    "directory = none takes any mailbox in the domains of "
		    "the option domains, which is empty");
	if (o->directory == LMTPD_NONE && o->node != NULL)
		return fault_perm(f, "5.3.5",
		    "node has no meaning with directory = none: it is the "
		    "directory that knows nodes");
	if (o->directory != LMTPD_NONE && o->domains.n > 0)
		return fault_perm(f, "5.3.5",
		    "domains has a meaning only with directory = none: else "
		    "the directory knows them");
	for (size_t i = 0; i < o->domains.n; i++) {
		if (!domain_to_ascii(str(o->domains.items[i]), domain))
			return fault_perm(f, "5.3.5", "domains: %s is none",
			    o->domains.items[i]);
	}
	return 0;
}

static int
check_expire(const struct lmtpd_options *o, struct fault *f)
{
	struct expire_rules rules;
	int at, rc;

	if (!keeper_parse_at(str(o->expire_at), &at))
		return fault_perm(f, "5.3.5",
		    "expire_at: \"%.40s\" is no time of the day like 03:30",
		    o->expire_at);
	rc = expire_rules_parse(&rules, o->expire.items, o->expire.n, f);
	expire_rules_clear(&rules);
	return rc;
}

static int
check_lmtpd(const void *options, struct fault *f)
{
	const struct lmtpd_options *o = options;
	unsigned levels[WARNING_LEVELS_MAX];
	mode_t mode;
	size_t n;

	if (!net_parse_mode(o->socket_mode, &mode))
		return fault_perm(f, "5.3.5",
		    "socket_mode: \"%s\" is no mode like 0660", o->socket_mode);
	if (strlen(o->separator) > 1)
		return fault_perm(f, "5.3.5",
		    "separator: \"%s\" is longer than a character",
		    o->separator);
	if (!warning_levels_parse(&o->quota_warnings, levels, &n))
		return fault_perm(f, "5.3.5",
		    "quota_warnings: up to %d numbers from 1 to 100",
		    WARNING_LEVELS_MAX);
	if (check_addresses(o, f) < 0 || check_expire(o, f) < 0)
		return -1;
	return check_domains(o, f);
}

bool
lmtpd_has_quotas(const struct lmtpd_options *o)
{
	return o->quota && o->directory != LMTPD_NONE;
}

const struct conf_table lmtpd_table = {
    .section = "lmtpd",
    .options = lmtpd_options,
    .size = sizeof(struct lmtpd_options),
    .check = check_lmtpd,
};
