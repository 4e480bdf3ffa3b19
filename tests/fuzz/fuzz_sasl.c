/* SPDX-License-Identifier: ISC */
/*
 * auth/sasl.h, and base64 before it: the first byte chooses the mechanism, each
 * line is a response in base64. Nobody knows the password, so whatever is said,
 * nobody gets in.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/directory.h"
#include "auth/mechanism.h"
#include "auth/sasl.h"
#include "base/crypto.h"

#include "tests/fuzz/fuzz.h"

enum { STEPS = 8, RESPONSE_MAX = 16 << 10 };

static const char *const names[] = {"PLAIN", "LOGIN", "CRAM-MD5",
    "SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS",
    "EXTERNAL"};
static struct directory *directory;
static char dir[64];

static void
tidy_up(void)
{
	char command[100];

	sasl_close();
	directory_close(&directory);
	snprintf(command, sizeof command, "rm -r %s", dir);
	if (system(command) != 0)
		abort();
}

/* A hash that is quick to refuse: what is asked is what the steps do. */
static void
set_up(void)
{
	struct directory_password password = {.hash = "*"};
	struct directory_conf conf = {.dir = dir};
	struct fault f;
	uint8_t random[16];
	struct buf hex;

	snprintf(dir, sizeof dir, "/tmp/fuzz_sasl.XXXXXX");
	FUZZ_CHECK(mkdtemp(dir) != NULL);
	directory = directory_open(&conf, &f);
	FUZZ_CHECK(directory != NULL);
	directory_set_forms(
	    directory, DIRECTORY_FORM_SCRAM | DIRECTORY_FORM_CRAM_MD5);
	crypto_random(random, sizeof random);
	buf_init_secret(&hex, 64);
	buf_put_hex(&hex, str_n((const char *)random, sizeof random));
	directory_make_forms(directory, buf_str(&hex), &password);
	buf_clear(&hex);
	FUZZ_CHECK(
	    directory_domain_add(directory, str("example.org"), &f) == 0);
	FUZZ_CHECK(directory_user_add(
		       directory, str("ann@example.org"), &password, &f) == 0);
	FUZZ_CHECK(sasl_open(names, ARRAY_LEN(names), NULL, &f) == 0);
	atexit(tidy_up);
}

/* Whether the exchange goes on. */
static bool
step(struct sasl_exchange *x, const char *name, struct str line,
    struct buf *challenge)
{
	enum sasl_result result;
	struct buf response;
	struct fault f;
	bool ok;

	buf_init(&response, RESPONSE_MAX);
	ok = crypto_base64_take(&response, line);
	result =
	    sasl_exchange_step(x, name, buf_str(&response), ok, challenge, &f);
	buf_clear(&response);
	FUZZ_CHECK(result != EXCHANGE_OK);
	FUZZ_CHECK(!buf_is_full(challenge));
	/* A kind of binding is asked for with a challenge only. */
	if (result == EXCHANGE_CONTINUE &&
	    sasl_exchange_wants_binding(x) != NULL)
		FUZZ_CHECK(sasl_exchange_set_binding(x, STR_LIT("channel")));
	return result == EXCHANGE_CONTINUE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_n((const char *)data, size);
	struct sasl_exchange *x;
	struct buf challenge;
	const char *name;

	if (size < 1)
		return 0;
	if (directory == NULL)
		set_up();
	name = names[data[0] % ARRAY_LEN(names)];
	rest = str_from(rest, 1);
	x = sasl_exchange_new(directory);
	sasl_exchange_set_service(x, "smtp");
	sasl_exchange_set_channel(x, (data[0] & 0x80) != 0);
	buf_init(&challenge, RESPONSE_MAX);
	for (int i = 0; i < STEPS; i++) {
		if (!step(x, i == 0 ? name : NULL, str_cut(&rest, '\n'),
			&challenge))
			break;
	}
	buf_clear(&challenge);
	sasl_exchange_free(&x);
	return 0;
}
