/* SPDX-License-Identifier: ISC */
/* What a server says of itself in the reply to EHLO or LHLO. */
#ifndef PROTO_SMTP_PEER_H
#define PROTO_SMTP_PEER_H

#include <stdint.h>

#include "base/str.h"

enum smtp_extension {
	EXT_PIPELINING = 1 << 0,
	EXT_8BITMIME = 1 << 1,
	EXT_SMTPUTF8 = 1 << 2,
	EXT_SIZE = 1 << 3,
	EXT_CHUNKING = 1 << 4,
	EXT_BINARYMIME = 1 << 5,
	EXT_DSN = 1 << 6,
	EXT_STARTTLS = 1 << 7,
	EXT_AUTH = 1 << 8,
	EXT_XFORWARD = 1 << 9,
	EXT_REQUIRETLS = 1 << 10,
	EXT_ENHANCEDSTATUSCODES = 1 << 11,
	EXT_LIMITS = 1 << 12,
	EXT_XVERP = 1 << 13, /* Postfix */
	EXT_ETRN = 1 << 14,
};

struct smtp_peer {
	unsigned extensions; /* EXT_ bits */
	uint64_t max_size;   /* 0: none given */
	unsigned rcpt_max;   /* LIMITS RCPTMAX; 0: none given */
	unsigned mail_max;   /* LIMITS MAILMAX; 0: none given */
	char auth[128];      /* mechanisms, split by blanks */
	char xforward[128];  /* attributes, split by blanks */
};

/* Replaces what is in peer. lines are split by LF and without codes. */
void smtp_peer_read(struct smtp_peer *peer, struct str lines);

#endif
