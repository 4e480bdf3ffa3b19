/* SPDX-License-Identifier: ISC */
/*
 * A message's name is what makes it known: that which it had in a Maildir, but
 * for sizes and flags, or one that is made of its time and its bytes. Of two
 * alike messages of one source the second gets another number.
 */
#include "config.h"

#include "store/import_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/hold.h"

enum { IN_MEMORY = 1 << 20 };

struct import *
import_new(struct client *client, const struct mailbox_name *mailbox,
    struct str source, struct fault *f)
{
	struct import *im = mem_new(struct import);

	im->client = client;
	im->mailbox = *mailbox;
	im->box = im->state = im->fd = -1;
	buf_init(&im->bytes, IN_MEMORY + IMPORT_PIECE_MAX);
	im->hash = crypto_sha256_new();
	if (maildir_make(client->root, mailbox, f) == 0 &&
	    import_state_open(im, source, f) == 0)
		return im;
	import_free(&im);
	return NULL;
}

void
import_free(struct import **import)
{
	struct import *im = *import;

	if (im == NULL)
		return;
	import_batch_drop(im);
	for (size_t i = 0; i < im->n_folders; i++) {
		client_folder_close(&im->folders[i]->open);
		client_target_clear(&im->folders[i]->target);
		mem_free(im->folders[i]);
	}
	mem_free(im->folders);
	import_state_close(im);
	buf_clear(&im->bytes);
	crypto_sha256_free(&im->hash);
	mem_free(im);
	*import = NULL;
}

const struct import_sum *
import_sum(const struct import *im)
{
	return &im->sum;
}

/* Folders. */

static int
open_folder(struct import *im, const struct mailbox_folder *name,
    struct import_folder **folder, struct fault *f)
{
	struct import_folder *new;

	new = mem_new(struct import_folder);
	if (client_folder_make(im->client, &im->mailbox, name, &new->open, f) <
	    0) {
		mem_free(new);
		return -1;
	}
	im->folders = mem_resize(
	    im->folders, im->n_folders + 1, sizeof(struct import_folder *));
	im->folders[im->n_folders++] = new;
	im->sum.folders++;
	*folder = new;
	if (client_target_read(&new->target, &new->open, f) < 0)
		return -1;
	import_learn_folder(im, new);
	return 0;
}

int
import_get_folder(struct import *im, const struct mailbox_folder *name,
    struct import_folder **folder, struct fault *f)
{
	/* They come in a row. */
	for (size_t i = im->n_folders; i-- > 0;) {
		*folder = im->folders[i];
		if (str_is(str((*folder)->open.folder.dir), str(name->dir)))
			return 0;
	}
	return open_folder(im, name, folder, f);
}

int
import_folder(
    struct import *im, const struct mailbox_folder *folder, struct fault *f)
{
	struct import_folder *got;

	return import_get_folder(im, folder, &got, f);
}

/* Names. */

/* The letters that all Maildirs have, in their order. */
static void
copy_flags(struct str flags, char out[IMPORT_FLAGS_SIZE])
{
	static const char letters[] = "DFPRST";
	size_t n = 0;

	for (size_t i = 0; letters[i] != '\0'; i++)
		if (str_has(flags, letters[i]))
			out[n++] = letters[i];
	out[n] = '\0';
}

static bool
is_usable(struct str name)
{
	struct maildir_name parsed;

	if (!maildir_name_parse(name, &parsed) || str_has(name, '/'))
		return false;
	for (size_t i = 0; i < parsed.base.len; i++)
		if ((unsigned char)parsed.base.at[i] < ' ')
			return false;
	return parsed.base.len > 0;
}

void
import_put_plain(struct buf *b, struct str base)
{
	const char *between = "";

	while (base.at != NULL) {
		struct str field = str_cut(&base, ',');

		if (between[0] != '\0' && (str_starts(field, STR_LIT("S=")) ||
					      str_starts(field, STR_LIT("W="))))
			continue;
		buf_puts(b, between);
		buf_put_str(b, field);
		between = ",";
	}
}

/* Of the message that is being brought in, once all its bytes are known. */
static void
make_base(struct import *im, char base[MAILDIR_NAME_SIZE])
{
	unsigned long long size = im->size, wire_size = im->size + im->extra;

	snprintf(base, MAILDIR_NAME_SIZE, "%s,S=%llu,W=%llu", im->plain, size,
	    wire_size);
}

/* The message's identity is the plain name in its folder. */
static void
put_key(struct buf *b, const struct import *im)
{
	buf_putf(b, "%s/%s", im->folder->open.folder.dir, im->plain);
}

/*
 * A message of a Maildir: whether one of this name was brought in, or was in
 * the folder. Where that has another size it is another message, which then is
 * known by its bytes.
 */
static bool
is_known_by_name(struct import *im, const struct import_what *what)
{
	struct maildir_name name;
	const struct import_known *known;
	struct buf b;

	(void)maildir_name_parse(what->name, &name);
	buf_init(&b, 2 * MAILDIR_NAME_SIZE + MAILBOX_FOLDER_SIZE);
	import_put_plain(&b, name.base);
	if (!str_copy(buf_str(&b), im->plain, sizeof im->plain))
		im->plain[0] = '\0';
	buf_reset(&b);
	put_key(&b, im);
	known = im->plain[0] == '\0' ? NULL : import_find(im, buf_str(&b));
	buf_clear(&b);
	if (known == NULL)
		return false;
	if (known->size == UINT64_MAX || what->size == UINT64_MAX ||
	    known->size == what->size)
		return true;
	im->plain[0] = '\0';
	return false;
}

int
import_begin(struct import *im, const struct import_what *what, struct fault *f)
{
	if (import_get_folder(im, what->folder, &im->folder, f) < 0)
		return -1;
	im->plain[0] = '\0';
	im->time = what->time;
	im->is_new = what->is_new;
	im->size = im->extra = 0;
	im->last = '\0';
	im->is_refused = false;
	copy_flags(what->flags, im->flags);
	if (is_usable(what->name) && is_known_by_name(im, what)) {
		im->sum.known++;
		return 0;
	}
	buf_reset(&im->bytes);
	return 1;
}

/* Bytes. */

/* CRs that the message lacks on disk. */
static void
count_lines(struct import *im, struct str bytes)
{
	while (bytes.len > 0) {
		size_t lf = str_find(bytes, '\n');

		if (lf < bytes.len &&
		    (lf > 0 ? bytes.at[lf - 1] : im->last) != '\r')
			im->extra++;
		im->last = bytes.at[lf < bytes.len ? lf : bytes.len - 1];
		bytes = str_from(bytes, lf + 1);
	}
}

int
import_put(void *ctx, struct str bytes, struct fault *f)
{
	struct import *im = ctx;

	if (im->is_refused)
		return 0;
	im->size += bytes.len;
	if (im->size > IMPORT_MESSAGE_MAX) {
		import_drop_file(im);
		im->is_refused = true;
		return 0;
	}
	if (im->plain[0] == '\0')
		crypto_sha256_add(im->hash, bytes);
	count_lines(im, bytes);
	while (bytes.len > 0) {
		struct str piece = str_head(bytes, IMPORT_PIECE_MAX);

		buf_put_str(&im->bytes, piece);
		if (buf_len(&im->bytes) >= IN_MEMORY && import_spill(im, f) < 0)
			return -1;
		bytes = str_from(bytes, piece.len);
	}
	return 0;
}

/* A name by time and content: the first that was not given to a message of this
 * run. */
static void
name_by_content(struct import *im)
{
	enum { DIGITS = 16 };
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct buf hex, key;
	bool again = true;

	crypto_sha256_end(im->hash, digest);
	buf_init(&hex, 2 * DIGITS);
	buf_init(&key, 2 * MAILDIR_NAME_SIZE + MAILBOX_FOLDER_SIZE);
	buf_put_hex(&hex, str_n((const char *)digest, DIGITS));
	for (unsigned n = 0; again; n++) {
		struct import_known *known;

		snprintf(im->plain, sizeof im->plain, "%lld.H%sN%u.%s",
		    (long long)(im->time > 0 ? im->time : 1), buf_text(&hex), n,
		    im->client->host);
		buf_reset(&key);
		put_key(&key, im);
		known = import_find(im, buf_str(&key));
		again = known != NULL && known->is_met;
	}
	buf_clear(&hex);
	buf_clear(&key);
}

int
import_end(struct import *im, struct fault *f)
{
	char base[MAILDIR_NAME_SIZE];
	struct import_known *known;
	bool by_content = im->plain[0] == '\0';
	struct buf key;

	if (im->is_refused) {
		im->sum.refused++;
		if (by_content)
			crypto_sha256_end(
			    im->hash, (uint8_t[CRYPTO_SHA256_LEN]){0});
		return 0;
	}
	if (by_content)
		name_by_content(im);
	buf_init(&key, 2 * MAILDIR_NAME_SIZE + MAILBOX_FOLDER_SIZE);
	put_key(&key, im);
	known = import_find(im, buf_str(&key));
	if (known == NULL)
		known = import_add(im, buf_str(&key), im->size);
	else if (by_content) {
		known->is_met = true;
		import_drop_file(im);
		im->sum.known++;
		buf_clear(&key);
		return 0;
	}
	known->is_met = true;
	buf_clear(&key);
	make_base(im, base);
	return import_batch_add(im, base, known, f);
}

int
import_copy(struct import *im, int fd, struct fault *f)
{
	char bytes[64 << 10];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		if (import_put(im, str_n(bytes, (size_t)n), f) < 0)
			return -1;
	if (n < 0)
		return fault_errno(f, "cannot read a message of the source");
	return import_end(im, f);
}

int
import_forget(struct import *im, struct fault *f)
{
	uint64_t n;

	if (hold_is_on(im->client->root, &im->mailbox) &&
	    hold_catch(im->client->root, &im->mailbox, &n, f) < 0)
		return -1;
	import_state_remove(im);
	return 0;
}
