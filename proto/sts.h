/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS (RFC 8461): what a domain says of TLS at its mail servers, as a TXT
 * record, and as the text that is fetched from its policy host.
 */
#ifndef PROTO_STS_H
#define PROTO_STS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	STS_ID_MAX = 32,
	STS_TEXT_MAX = 64 << 10, /* bytes of a policy */
	STS_MX_MAX = 100,
	STS_AGE_MAX = 31557600, /* seconds */
};

enum sts_mode {
	STS_NONE,
	STS_TESTING, /* deliver whatever comes of it */
	STS_ENFORCE,
};

/* A value whose patterns are views into the text. */
struct sts_policy {
	enum sts_mode mode;
	uint32_t max_age;          /* seconds */
	struct str mx[STS_MX_MAX]; /* "mx.example.org", "*.example.org" */
	size_t n_mx;               /* 0 only with STS_NONE */
};

/* "none", "testing", "enforce". */
const char *sts_mode_name(enum sts_mode mode);

/* Whether a TXT record at _mta-sts is meant to be one: others are as if they
 * were not there, and of these there must be exactly one (RFC 8461 3.1). */
bool sts_is_record(struct str text);
/* "v=STSv1; id=20261129;": 1 to 32 letters and digits, a view. False where it
 * is ill-formed, which is as if there were none. */
bool sts_parse_record(struct str text, struct str *id) MUST_USE;

/*
 * The text of a policy (RFC 8461 3.2). Line ends are LF or CR LF; blanks at the
 * ends of a line, empty lines and unknown keys are skipped; of keys that may
 * stand once the first counts; a max_age over STS_AGE_MAX is that. Faults are
 * permanent, 5.7.0, and name what is wrong.
 */
int sts_parse_policy(
    struct str text, struct sts_policy *policy, struct fault *f) MUST_USE;
/* In lines that end in LF and that sts_parse_policy() reads. */
void sts_put_policy(struct buf *b, const struct sts_policy *policy);

/* Whether host, an ASCII name, is one of the policy's (RFC 8461 4.1). */
bool sts_has_mx(const struct sts_policy *policy, struct str host);

#endif
