/* SPDX-License-Identifier: ISC */
/*
 * A byte stream, plain or TLS, with one deadline for whatever blocks. Calls
 * block the thread (and say so to the loop), never past the deadline.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct io;
struct tls_server;
struct tls_client;
struct tls_demand;
struct tls_info;

/* Takes the descriptor, which must be non-blocking. No deadline is set. */
struct io *io_new(int fd) MUST_USE;
/* Closes it. With TLS the process must ignore SIGPIPE: a farewell is written. */
void io_free(struct io **io);
int io_fd(const struct io *io);

/* clock_ms(); 0: none. What blocks past it fails with 4.4.2. */
void io_set_deadline(struct io *io, int64_t deadline);

int io_start_tls_server(
    struct io *io, struct tls_server *server, struct fault *f) MUST_USE;
/*
 * The server's side without waiting for the client, who may take its time: 1
 * when TLS stands, 0 when the client must say more first (call again when the
 * descriptor has input), -1 on a fault.
 */
int io_start_tls_server_now(
    struct io *io, struct tls_server *server, struct fault *f) MUST_USE;
int io_start_tls_client(struct io *io, struct tls_client *client,
    const struct tls_demand *demand, struct fault *f) MUST_USE;
/* NULL while the stream is plain. Lives as long as the io. */
const struct tls_info *io_tls(const struct io *io);
/* What is wrong with the server's proof, if it was looked at; also where the
 * handshake has failed for it. */
enum tls_flaw io_tls_flaw(const struct io *io);
/* tls_get_binding(); false without TLS. */
bool io_tls_binding(struct io *io, const char *type, struct buf *data) MUST_USE;

/*
 * Reads what there is, up to room bytes (64 KiB at most; b grows by so much
 * where it has to), waiting for the first: 1 where
 * something was put into b, 0 at the end of the stream, -1 on a fault. b's
 * maximum is respected; it must have space for a byte.
 */
int io_read(
    struct io *io, struct buf *b, size_t room, struct fault *f) MUST_USE;
/* The same without waiting: also 0 with *again set where nothing is there. */
int io_read_now(struct io *io, struct buf *b, size_t room, bool *again,
    struct fault *f) MUST_USE;
/* Waits until io_read() has something, or the end, to give: spares a try that
 * is known to be in vain. */
int io_await(struct io *io, struct fault *f) MUST_USE;
/* Input that a poll() on the descriptor does not see (TLS). */
bool io_has_pending(const struct io *io);

/* Writes all of it. */
int io_write(struct io *io, struct str bytes, struct fault *f) MUST_USE;
/* Writes all of b and empties it. */
int io_flush(struct io *io, struct buf *b, struct fault *f) MUST_USE;

#endif
