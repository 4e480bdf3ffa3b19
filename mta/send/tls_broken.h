/* SPDX-License-Identifier: ISC */
/*
 * Hosts whose TLS does not work: with
 * opportunistic TLS these get mail in the clear, for some minutes, without
 * another try.
 */
#ifndef MTA_SEND_TLS_BROKEN_H
#define MTA_SEND_TLS_BROKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum { TLS_BROKEN_MS = 10 * 60 * 1000 };

/* May be used by many threads. Bounded: it may forget, never more. */
struct tls_broken;

struct tls_broken *tls_broken_new(void) MUST_USE;
void tls_broken_free(struct tls_broken **broken);
/* address: "192.0.2.1:25". */
void tls_broken_note(struct tls_broken *broken, const char *address);
bool tls_broken_is_known(struct tls_broken *broken, const char *address);

#endif
