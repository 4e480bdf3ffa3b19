/* SPDX-License-Identifier: ISC */
/* A password from the operator, who never writes it on a command line. */
#ifndef ADMIN_PASSWORD_H
#define ADMIN_PASSWORD_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"

enum { PASSWORD_MAX = 500 };

/*
 * One line of standard input, or, where that is a terminal, what was typed
 * twice without an echo; `whose` stands in the prompt. password is to be a
 * secret buffer. An empty one, one with controls in it, two that differ, or
 * one over PASSWORD_MAX bytes is a fault.
 */
int password_read(
    const char *whose, struct buf *password, struct fault *f) MUST_USE;

#endif
