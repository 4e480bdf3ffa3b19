/* SPDX-License-Identifier: ISC */
/*
 * Cyrus libsasl2 behind auth/sasl.h.
 *
 * The library asks by callbacks. Names come into key form in canon_user(), so
 * that all it compares and returns is one spelling; passwords are checked in
 * check_password(), after which it would go on to its own verifiers, were
 * their list not empty. SCRAM and CRAM-MD5 do their own work, with the keys that
 * sasl_keys.c gives them; whether the user may log in is for authorize() to
 * say, which is called for whoever has proven his name.
 */
#include "config.h"

#include "auth/sasl.h"

#include <malloc.h>
#include <pthread.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/access.h"
#include "auth/directory.h"
#include "auth/mechanism.h"
#include "auth/name.h"
#include "auth/sasl_private.h"
#include "auth/service.h"
#include "base/log.h"
#include "base/mem.h"

enum { CALLBACKS = 7, LIST_SIZE = 120 };

/* What is on; written by sasl_open() only. */
static bool is_on[MECHANISMS];
static char mechanism_list[LIST_SIZE]; /* of the library's */
static const char *host = "localhost", *kerberos_domain;

/* What it allocates may have held a password. */

static void
wipe_and_free(void *p)
{
	if (p == NULL)
		return;
	mem_wipe(p, malloc_usable_size(p));
	free(p);
}

static void *
resize(void *p, size_t size)
{
	size_t had = p == NULL ? 0 : malloc_usable_size(p);
	void *q = malloc(size);

	if (q == NULL)
		return NULL;
	if (had > 0)
		memcpy(q, p, had < size ? had : size);
	wipe_and_free(p);
	return q;
}

/* Its locks, without which it must not be used by several threads. */

static void *
lock_new(void)
{
	pthread_mutex_t *m = mem_new(pthread_mutex_t);

	pthread_mutex_init(m, NULL);
	return m;
}

static int
lock(void *m)
{
	return pthread_mutex_lock(m) == 0 ? 0 : -1;
}

static int
unlock(void *m)
{
	return pthread_mutex_unlock(m) == 0 ? 0 : -1;
}

static void
lock_free(void *m)
{
	pthread_mutex_destroy(m);
	mem_free(m);
}

/* Callbacks. */

static const struct {
	const char *name, *value;
} library_options[] = {
    {"mech_list", mechanism_list},
    {"pwcheck_method", ""},
    {"auxprop_plugin", "posthouse"},
    {"canon_user_plugin", "INTERNAL"},
    {"log_level", "1"},
};

/* What is not in the list is unset, wherever else it may be set. */
static int
get_option(void *ctx, const char *plugin, const char *name, const char **value,
    unsigned *len)
{
	(void)ctx;
	(void)plugin;
	*value = NULL;
	for (size_t i = 0; i < ARRAY_LEN(library_options); i++) {
		if (strcmp(library_options[i].name, name) == 0)
			*value = library_options[i].value;
	}
	if (len != NULL && *value != NULL)
		*len = (unsigned)strlen(*value);
	return *value != NULL ? SASL_OK : SASL_FAIL;
}

/* A folder that has no configuration file for us. The library frees it. */
static int
get_configuration_path(void *ctx, char **path)
{
	(void)ctx;
	*path = strdup("/proc/self/fdinfo");
	return *path != NULL ? SASL_OK : SASL_NOMEM;
}

/* What it has to say is of use only to who debugs. */
static int
take_log(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (text != NULL && level < SASL_LOG_PASS)
		log_debug(NULL, "libsasl2", "text", text, NULL);
	return SASL_OK;
}

static int
canon_user(sasl_conn_t *conn, void *ctx, const char *in, unsigned in_len,
    unsigned flags, const char *realm, char *out, unsigned out_max,
    unsigned *out_len)
{
	struct sasl_exchange *x = ctx;
	char key[NAME_SIZE], whole[2 * NAME_SIZE];

	(void)conn;
	(void)realm;
	if (x->mechanism->kerberos && !str_has(str_n(in, in_len), '@')) {
		snprintf(whole, sizeof whole, "%.*s@%s", (int)in_len, in,
		    kerberos_domain);
		in = whole;
		in_len = (unsigned)strlen(whole);
	} else if (x->mechanism->kerberos && (flags & SASL_CU_AUTHID)) {
		/* Of another realm. */
		in_len = 0;
	}
	/* What nobody can be called is checked like any other: it takes the
	 * same time and fails in the same words. */
	if (!name_key(str_n(in, in_len), key))
		memcpy(key, "?", 2);
	if (flags & SASL_CU_AUTHID)
		memcpy(x->user, key, sizeof x->user);
	if (!str_copy(str(key), out, out_max))
		return SASL_BUFOVER;
	*out_len = (unsigned)strlen(out);
	return SASL_OK;
}

static int
check_password(sasl_conn_t *conn, void *ctx, const char *user,
    const char *password, unsigned len, struct propctx *props)
{
	struct sasl_exchange *x = ctx;
	const struct access a = {str(user), str_n(password, len), x->service};
	int rc = access_check(x->directory, &a, &x->is_strong, &x->why);

	(void)conn;
	(void)props;
	x->has_why = rc <= 0;
	return rc > 0 ? SASL_OK : rc == 0 ? SASL_BADAUTH : SASL_TRYAGAIN;
}

/* Who logs in acts for nobody else. */
static int
authorize(sasl_conn_t *conn, void *ctx, const char *wanted, unsigned wanted_len,
    const char *user, unsigned user_len, const char *realm, unsigned realm_len,
    struct propctx *props)
{
	struct sasl_exchange *x = ctx;

	(void)conn;
	(void)realm;
	(void)realm_len;
	(void)props;
	x->has_why = true;
	if (!str_is(str_n(wanted, wanted_len), str_n(user, user_len)))
		fault_perm(&x->why, "5.7.8", "wants to act for another user");
	else if (x->bar != NULL)
		fault_perm(&x->why, "5.7.8", "%s", x->bar);
	else
		x->has_why = false;
	if (!x->has_why)
		return SASL_OK;
	return SASL_NOAUTHZ;
}

/* The library knows each callback by its number and casts it back. */
#define CALLBACK(id, function, context) \
	((sasl_callback_t){             \
	    id, (int (*)(void))(void (*)(void))(function), context})

static const sasl_callback_t *
common_callbacks(void)
{
	static sasl_callback_t c[4];

	c[0] = CALLBACK(SASL_CB_GETOPT, get_option, NULL);
	c[1] = CALLBACK(SASL_CB_GETCONFPATH, get_configuration_path, NULL);
	c[2] = CALLBACK(SASL_CB_LOG, take_log, NULL);
	c[3] = CALLBACK(SASL_CB_LIST_END, NULL, NULL);
	return c;
}

static void
set_callbacks(struct sasl_exchange *x)
{
	sasl_callback_t *c = x->callbacks;

	*c++ = CALLBACK(SASL_CB_GETOPT, get_option, NULL);
	*c++ = CALLBACK(SASL_CB_LOG, take_log, NULL);
	*c++ = CALLBACK(SASL_CB_CANON_USER, canon_user, x);
	*c++ = CALLBACK(SASL_CB_SERVER_USERDB_CHECKPASS, check_password, x);
	*c++ = CALLBACK(SASL_CB_PROXY_POLICY, authorize, x);
	*c++ = CALLBACK(SASL_CB_LIST_END, NULL, NULL);
}

/* Start and end. */

static bool
is_listed(const char *list, struct str name)
{
	struct str rest = str(list);

	while (rest.len > 0) {
		if (str_is(str_cut(&rest, ' '), name))
			return true;
	}
	return false;
}

/* What is installed decides what the library can do. */
static int
need_mechanisms(struct fault *f)
{
	const char *list = "";
	sasl_conn_t *conn = NULL;
	int rc = 0;

	if (sasl_server_new("smtp", "localhost", NULL, NULL, NULL, NULL, 0,
		&conn) != SASL_OK ||
	    sasl_listmech(conn, NULL, "", " ", "", &list, NULL, NULL) !=
		SASL_OK)
		list = "";
	for (size_t i = 0; mechanisms[i].name != NULL; i++) {
		if (is_on[i] && mechanism_is_librarys(&mechanisms[i]) &&
		    !is_listed(list, str_n(mechanisms[i].name,
					 mechanism_base_len(&mechanisms[i]))))
			rc = fault_perm(f, "5.3.5",
			    "libsasl2 has no module for %s (on Debian: "
			    "libsasl2-modules)",
			    mechanisms[i].name);
	}
	sasl_dispose(&conn);
	return rc;
}

bool
sasl_offers(const struct mechanism *mechanism)
{
	return is_on[mechanism - mechanisms];
}

static int
switch_on(const char *const *names, size_t n, struct fault *f)
{
	struct buf list;

	memset(is_on, 0, sizeof is_on);
	for (size_t i = 0; i < n; i++) {
		const struct mechanism *m = mechanism_find(str(names[i]));

		if (m == NULL)
			return fault_perm(f, "5.3.5",
			    "\"%.40s\" is no mechanism that there is",
			    names[i]);
		is_on[m - mechanisms] = true;
	}
	buf_init(&list, LIST_SIZE - 1);
	for (size_t i = 0; mechanisms[i].name != NULL; i++) {
		if (is_on[i] && mechanism_is_librarys(&mechanisms[i]))
			buf_putf(&list, "%.*s ",
			    (int)mechanism_base_len(&mechanisms[i]),
			    mechanisms[i].name);
	}
	/* All of them fit. */
	(void)!str_copy(buf_str(&list), mechanism_list, sizeof mechanism_list);
	buf_clear(&list);
	return 0;
}

/* Once, and for good: what modules have of their own is not freed when they are
 * unloaded. */
static int
open_library(struct fault *f)
{
	static bool is_open;
	int rc;

	if (is_open)
		return 0;
	sasl_set_alloc(malloc, calloc, resize, wipe_and_free);
	sasl_set_mutex(lock_new, lock, unlock, lock_free);
	/* Without a name it looks for no configuration file. */
	rc = sasl_server_init(common_callbacks(), NULL);
	if (rc == SASL_OK)
		rc = sasl_keys_register();
	if (rc != SASL_OK)
		return fault_perm(
		    f, "5.3.5", "libsasl2: %s", sasl_errstring(rc, NULL, NULL));
	is_open = true;
	return 0;
}

int
sasl_open(const char *const *names, size_t n, struct token_rules *tokens,
    struct fault *f)
{
	sasl_own_open(tokens);
	if (switch_on(names, n, f) < 0 || open_library(f) < 0)
		return -1;
	return need_mechanisms(f);
}

void
sasl_set_kerberos(const char *our_host, const char *domain)
{
	host = our_host;
	kerberos_domain = domain;
}

void
sasl_close(void)
{
	memset(is_on, 0, sizeof is_on);
	sasl_own_open(NULL);
}

/* Exchanges. */

struct sasl_exchange *
sasl_exchange_new(struct directory *directory)
{
	struct sasl_exchange *x = mem_new(struct sasl_exchange);

	x->directory = directory;
	buf_init(&x->channel, SASL_CHANNEL_MAX);
	x->callbacks = mem_zeroed(CALLBACKS, sizeof *x->callbacks);
	set_callbacks(x);
	return x;
}

void
sasl_exchange_set_service(struct sasl_exchange *x, const char *service)
{
	/* What is no name is as if it had not been said. */
	(void)!service_key(str(service), x->service);
}

void
sasl_exchange_set_certificate(struct sasl_exchange *x, const char *name)
{
	/* What is no name proves nothing. */
	if (!name_key(str(name), x->certificate))
		x->certificate[0] = '\0';
}

void
sasl_exchange_free(struct sasl_exchange **exchange)
{
	if (*exchange == NULL)
		return;
	sasl_dispose(&(*exchange)->conn);
	buf_clear(&(*exchange)->channel);
	mem_free((*exchange)->library_channel);
	mem_free((*exchange)->callbacks);
	mem_free(*exchange);
	*exchange = NULL;
}

static enum sasl_result
fail(struct sasl_exchange *x, int rc, struct fault *f)
{
	if (x->has_why)
		*f = x->why;
	else if (x->mechanism != NULL && x->mechanism->binds &&
		 rc == SASL_BADPROT)
		fault_perm(f, "5.7.8",
		    "the client is bound to another channel, or misspells");
	else if (x->has_keys)
		fault_perm(f, "5.7.8", "%s",
		    x->trouble != NULL ? x->trouble : "wrong password");
	else if (rc == SASL_NOMEM)
		fault_temp(f, "4.7.0", "libsasl2 has no memory");
	else
		fault_perm(f, "5.7.8", "%s", sasl_errstring(rc, NULL, NULL));
	return f->kind == FAULT_TEMP ? EXCHANGE_TEMP : EXCHANGE_FAILED;
}

/* As tickets are for it: "smtp" where none is told. */
static const char *
service_of(const struct sasl_exchange *x)
{
	return x->service[0] != '\0' ? x->service : "smtp";
}

static int
start(struct sasl_exchange *x, const char *mechanism, struct str response,
    bool has_response, struct str *challenge)
{
	static const sasl_security_properties_t no_layer = {.max_ssf = 0};
	const char *out = NULL;
	unsigned len = 0;
	char name[32];
	int rc;

	if (x->conn != NULL || x->mechanism != NULL)
		return SASL_NOMECH;
	x->mechanism = mechanism_find(str(mechanism));
	if (x->mechanism == NULL || !mechanism_is_librarys(x->mechanism) ||
	    !sasl_offers(x->mechanism) ||
	    (has_response && !sasl_binding_may_begin(x, response)))
		return SASL_NOMECH;
	rc = sasl_server_new(service_of(x), host, NULL, NULL, NULL,
	    x->callbacks, SASL_SUCCESS_DATA, &x->conn);
	/* What encrypts by itself cannot pass the asking server. */
	if (rc == SASL_OK)
		rc = sasl_setprop(x->conn, SASL_SEC_PROPS, &no_layer);
	if (rc != SASL_OK)
		return rc;
	snprintf(name, sizeof name, "%.*s",
	    (int)mechanism_base_len(x->mechanism), x->mechanism->name);
	/* An empty response is one; only NULL is none. */
	rc = sasl_server_start(x->conn, name,
	    has_response ? (response.at != NULL ? response.at : "") : NULL,
	    (unsigned)response.len, &out, &len);
	*challenge = str_n(out, out != NULL ? len : 0);
	return rc;
}

/* Before the client's proof, which has what it knows of the channel. */
static bool
bind_channel(struct sasl_exchange *x)
{
	sasl_channel_binding_t *c;

	if (!x->mechanism->binds || x->library_channel != NULL)
		return true;
	if (buf_len(&x->channel) == 0) {
		x->has_why = true;
		fault_perm(&x->why, "5.7.8", "we were told of no channel");
		return false;
	}
	c = mem_new(sasl_channel_binding_t);
	c->name = x->binding;
	c->len = buf_len(&x->channel);
	c->data = (const unsigned char *)buf_str(&x->channel).at;
	x->library_channel = c;
	return sasl_setprop(x->conn, SASL_CHANNEL_BINDING, c) == SASL_OK;
}

static int
go_on(struct sasl_exchange *x, struct str response, struct str *challenge)
{
	const char *out = NULL;
	unsigned len = 0;
	bool begun;
	int rc;

	if (x->conn == NULL)
		return SASL_NOTINIT;
	begun = x->has_begun;
	if (!sasl_binding_may_begin(x, response) || (begun && !bind_channel(x)))
		return SASL_NOMECH;
	rc = sasl_server_step(x->conn, response.at != NULL ? response.at : "",
	    (unsigned)response.len, &out, &len);
	*challenge = str_n(out, out != NULL ? len : 0);
	return rc;
}

/* The name that was proven, which is authorized too. */
static enum sasl_result
take_user(struct sasl_exchange *x, struct fault *f)
{
	const void *user = NULL;
	int rc = sasl_getprop(x->conn, SASL_USERNAME, &user);

	if (rc != SASL_OK || !str_copy(str(user), x->user, sizeof x->user))
		return fail(x, SASL_BADAUTH, f);
	if (x->mechanism->kerberos)
		return sasl_own_admit(x, f);
	return EXCHANGE_OK;
}

enum sasl_result
sasl_exchange_step(struct sasl_exchange *x, const char *mechanism,
    struct str response, bool has_response, struct buf *challenge,
    struct fault *f)
{
	struct str out = {0};
	int rc;

	buf_reset(challenge);
	if (mechanism != NULL
		? sasl_own_begin(x, mechanism)
		: x->mechanism != NULL && !mechanism_is_librarys(x->mechanism))
		return sasl_own_step(
		    x, mechanism != NULL, response, has_response, challenge, f);
	rc = mechanism != NULL
		 ? start(x, mechanism, response, has_response, &out)
		 : go_on(x, response, &out);
	if (rc != SASL_OK && rc != SASL_CONTINUE)
		return fail(x, rc, f);
	buf_put_str(challenge, out);
	return rc == SASL_OK ? take_user(x, f) : EXCHANGE_CONTINUE;
}

bool
sasl_exchange_is_strong(const struct sasl_exchange *exchange)
{
	return exchange->is_strong;
}

const char *
sasl_exchange_user(const struct sasl_exchange *exchange)
{
	return exchange->user;
}
