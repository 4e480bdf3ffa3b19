/* SPDX-License-Identifier: ISC */
/* store/mbox.h. The first byte says which kind of file. Whatever is read, comes
 * back when it is written and read again. */
#include "config.h"

#include "store/mbox.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_MAX = 4 << 20 };

static int
file_of(struct str text)
{
	int fd = memfd_create("mbox", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(write(fd, text.at, text.len) == (ssize_t)text.len);
	return fd;
}

static int
gather(void *ctx, struct str bytes, struct fault *f)
{
	(void)f;
	FUZZ_CHECK(bytes.len > 0 || bytes.at != NULL);
	buf_put_str(ctx, bytes);
	return 0;
}

static void
put_message(struct buf *out, const struct mbox_message *m, struct str text)
{
	struct mbox_quoting q;

	mbox_put_start(out, m, STR_LIT("x"));
	mbox_quoting_init(&q);
	mbox_quote(&q, text, out);
	mbox_quote_end(&q, out);
}

static void
put_plain(struct buf *list, const struct mbox_message *m, struct str text)
{
	buf_putf(list, "%s %d %s ", m->flags, m->is_new, m->folder);
	buf_put_str(list, text);
	if (!str_ends(text, STR_LIT("\n")))
		buf_putc(list, '\n');
}

/* What the file holds into list, and as a file of ours into out. */
static void
read_all(
    struct str text, enum mbox_format format, struct buf *list, struct buf *out)
{
	int fd = file_of(text);
	struct mbox *mbox = mbox_new(fd, format);
	struct mbox_message m;
	struct fault f;
	uint64_t before = 0;
	struct buf one;

	buf_init(&one, TEXT_MAX);
	while (mbox_next(mbox, &m, &f) > 0) {
		FUZZ_CHECK(m.at >= before && m.at < text.len);
		before = m.at + 1;
		buf_reset(&one);
		FUZZ_CHECK(mbox_read(mbox, gather, &one, &f) == 0);
		FUZZ_CHECK(buf_len(&one) <= text.len);
		put_plain(list, &m, buf_str(&one));
		put_message(out, &m, buf_str(&one));
	}
	FUZZ_CHECK(mbox_position(mbox) <= text.len);
	buf_clear(&one);
	mbox_free(&mbox);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_n((const char *)data, size);
	unsigned how = fuzz_take_byte(&rest);
	struct buf first, second, out, again;

	buf_init(&first, TEXT_MAX);
	buf_init(&second, TEXT_MAX);
	buf_init(&out, TEXT_MAX);
	buf_init(&again, TEXT_MAX);
	read_all(rest, (enum mbox_format)(how % 3), &first, &out);
	read_all(buf_str(&out), MBOX_RD, &second, &again);
	FUZZ_CHECK(!buf_is_full(&first) && !buf_is_full(&out));
	FUZZ_CHECK(str_is(buf_str(&first), buf_str(&second)));
	buf_clear(&first);
	buf_clear(&second);
	buf_clear(&out);
	buf_clear(&again);
	return 0;
}
