/* SPDX-License-Identifier: ISC */
/*
 * The keys of SCRAM and CRAM-MD5 for libsasl2, which looks each name up among
 * "auxiliary properties" by a plugin. That is our own: without it sasldb would
 * be opened.
 */
#include "config.h"

#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <string.h>

#include "auth/access.h"
#include "auth/cram.h"
#include "auth/directory.h"
#include "auth/sasl_private.h"
#include "auth/scram.h"
#include "base/mem.h"

/* What each mechanism asks for. "*" is the library's mark of a secret. */
static const char scram_property[] = "*authPassword";
static const char cram_property[] = "*cmusaslsecretCRAM-MD5";

static const char *
property_of(const struct sasl_exchange *x)
{
	return x->mechanism->form == DIRECTORY_FORM_CRAM_MD5 ? cram_property
							     : scram_property;
}

static bool
is_wanted(const struct propval *wanted, const char *name)
{
	for (; wanted != NULL && wanted->name != NULL; wanted++) {
		if (strcmp(wanted->name, name) == 0)
			return true;
	}
	return false;
}

/* The plugin is one for all exchanges; this one's is behind its callbacks. */
static struct sasl_exchange *
exchange_of(sasl_server_params_t *params)
{
	int (*function)(void) = NULL;
	void *ctx = NULL;

	if (params->utils->getcallback(params->utils->conn, SASL_CB_CANON_USER,
		&function, &ctx) != SASL_OK)
		return NULL;
	return ctx;
}

/* What is kept of the user's password: 1, else 0 and `keys` is as it was. */
static int
take_keys(struct sasl_exchange *x, struct directory_password *keys)
{
	struct directory_password found;
	struct str user = str(x->user);
	bool cram = x->mechanism->form == DIRECTORY_FORM_CRAM_MD5;
	int rc = cram ? directory_user_get_cram(
			    x->directory, user, &found.cram, &x->why)
		      : directory_user_get_scram(
			    x->directory, user, &found.scram, &x->why);

	if (rc > 0 && cram)
		keys->cram = found.cram;
	else if (rc > 0)
		keys->scram = found.scram;
	mem_wipe(&found, sizeof found);
	return rc;
}

/* Such as nobody can prove to know the password of. */
static int
fake_keys(struct sasl_exchange *x, struct directory_password *keys)
{
	if (x->mechanism->form == DIRECTORY_FORM_CRAM_MD5) {
		cram_make_fake(&keys->cram);
		return 0;
	}
	return directory_fake_scram(
	    x->directory, str(x->user), &keys->scram, &x->why);
}

static int
find_keys(struct sasl_exchange *x, struct directory_password *keys)
{
	struct directory_user user;
	int found, rc;

	if (fake_keys(x, keys) < 0)
		return -1;
	found = directory_user_get(x->directory, str(x->user), &user, &x->why);
	mem_wipe(user.hash, sizeof user.hash);
	if (found <= 0) {
		x->trouble = "no such user";
		return found;
	}
	x->bar = access_bar(&user, x->service, false);
	rc = take_keys(x, keys);
	if (rc == 0)
		x->trouble = x->mechanism->form == DIRECTORY_FORM_CRAM_MD5
				 ? "no key for CRAM-MD5 yet"
				 : "no keys for SCRAM yet";
	return rc;
}

static int
give_keys(struct sasl_exchange *x, sasl_server_params_t *params,
    const struct directory_password *keys)
{
	const char *key =
	    x->mechanism->sha256 ? keys->scram.sha256 : keys->scram.sha1;
	int len = (int)strlen(key);

	x->has_keys = true;
	if (x->mechanism->form == DIRECTORY_FORM_CRAM_MD5) {
		key = (const char *)keys->cram.state;
		len = (int)sizeof keys->cram.state;
	}
	return params->utils->prop_set(
	    params->propctx, property_of(x), key, len);
}

static int
look_up_properties(void *ctx, sasl_server_params_t *params, unsigned flags,
    const char *user, unsigned len)
{
	struct sasl_exchange *x = exchange_of(params);
	struct directory_password keys = {.hash = ""};
	int rc = SASL_OK;

	(void)ctx;
	(void)user;
	(void)len;
	if (x == NULL || (flags & SASL_AUXPROP_AUTHZID) != 0 || x->has_keys ||
	    !is_wanted(
		params->utils->prop_get(params->propctx), property_of(x)))
		return SASL_OK;
	if (find_keys(x, &keys) < 0) {
		x->has_why = true;
		rc = SASL_TRYAGAIN;
	} else {
		rc = give_keys(x, params, &keys);
	}
	mem_wipe(&keys, sizeof keys);
	return rc;
}

static int
init_properties(const sasl_utils_t *utils, int max, int *version,
    sasl_auxprop_plug_t **plug, const char *name)
{
	static char our_name[] = "posthouse";
	static sasl_auxprop_plug_t ours = {
	    .auxprop_lookup = look_up_properties, .name = our_name};

	(void)utils;
	(void)name;
	if (max < SASL_AUXPROP_PLUG_VERSION)
		return SASL_BADVERS;
	*version = SASL_AUXPROP_PLUG_VERSION;
	*plug = &ours;
	return SASL_OK;
}

int
sasl_keys_register(void)
{
	return sasl_auxprop_add_plugin("posthouse", init_properties);
}
