/* SPDX-License-Identifier: ISC */
/* Options outside of sections, and the section "tls". */
#include "config.h"

#include "base/options.h"

static const char *const targets[] = {
    [LOG_TARGET_STDERR] = "stderr", [LOG_TARGET_SYSLOG] = "syslog", NULL};
static const char *const levels[] = {[LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
    NULL};

/* clang-format off */
#define AT(member) .offset = offsetof(struct common_options, member)
static const struct conf_option common[] = {
	{ .name = "hostname", .type = CONF_TEXT, AT(hostname),
	  .help = "our name in greetings and trace fields; "
		  "without it: the machine's" },
	{ .name = "state_dir", .type = CONF_PATH, AT(state_dir),
	  .fallback = LOCALSTATEDIR "/lib/posthouse",
	  .help = "the directory and the index live below it" },
	{ .name = "run_dir", .type = CONF_PATH, AT(run_dir),
	  .fallback = RUNSTATEDIR "/posthouse",
	  .help = "sockets" },
	{ .name = "admin_group", .type = CONF_TEXT, AT(admin_group),
	  .help = "a group that may use the control sockets; "
		  "without it: root and the daemon's user" },
	{ .name = "log_target", .type = CONF_CHOICE, AT(log_target),
	  .fallback = "stderr", .choices = targets,
	  .help = "where log lines go" },
	{ .name = "log_level", .type = CONF_CHOICE, AT(log_level),
	  .fallback = "info", .choices = levels,
	  .help = "the least important lines that are written" },
	{ .name = "journal", .type = CONF_BOOL, AT(journal),
	  .fallback = "on",
	  .help = "keep events for \"posthouse trace\"" },
	{ .name = "journal_days", .type = CONF_NUMBER, AT(journal_days),
	  .fallback = "30", .min = 1, .max = 3650,
	  .help = "how long events are kept" },
	{ .name = "journal_size", .type = CONF_SIZE, AT(journal_size),
	  .fallback = "256M", .min = 1 << 20, .max = UINT64_C(1) << 40,
	  .help = "of each daemon's journal; the oldest events go first" },
	{ 0 },
};
#undef AT

#define AT(member) .offset = offsetof(struct certificate_options, member)
static const struct conf_option certificate[] = {
	{ .name = "chain", .type = CONF_PATH, AT(chain),
	  .help = "PEM file: the certificate, then the intermediate ones" },
	{ .name = "key", .type = CONF_PATH, AT(key),
	  .help = "PEM file: the private key" },
	{ 0 },
};
#undef AT
/* clang-format on */

static int
check_certificate(const void *options, struct fault *f)
{
	const struct certificate_options *o = options;

	if (o->chain == NULL || o->key == NULL)
		return fault_perm(f, "5.3.5",
		    "certificate \"%s\" needs both chain and key", o->title);
	return 0;
}

static const struct conf_table certificate_table = {
    .section = "certificate",
    .options = certificate,
    .size = sizeof(struct certificate_options),
    .check = check_certificate,
};

static const struct conf_option tls[] = {
    {.name = "certificate",
	.type = CONF_SECTION,
	.offset = offsetof(struct tls_options, certificates),
	.sub = &certificate_table,
	.help = "the first serves clients that name no host, the others by "
		"the names inside"},
    {.name = "client_ca",
	.type = CONF_PATH,
	.offset = offsetof(struct tls_options, client_ca),
	.help = "who signs the certificates that users log in with (EXTERNAL)"},
    {0},
};

/* It goes into replies and trace fields as it is. */
static int
check_common(const void *options, struct fault *f)
{
	const struct common_options *o = options;
	struct str name = str(o->hostname);

	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '.' && c != '-')
			name.len = 0;
	}
	if (o->hostname != NULL && name.len == 0)
		return fault_perm(f, "5.3.5",
		    "hostname: \"%s\" is no name of letters, digits, dots and "
		    "hyphens",
		    o->hostname);
	return 0;
}

const struct conf_table common_table = {
    .options = common,
    .size = sizeof(struct common_options),
    .check = check_common,
};

const struct conf_table tls_table = {
    .section = "tls",
    .options = tls,
    .size = sizeof(struct tls_options),
};
