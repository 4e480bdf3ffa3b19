/* SPDX-License-Identifier: ISC */
/* store/verify.h: what is found in a folder, and what is learnt of it. */
#include "config.h"

#include "store/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE], seen[2000];
static struct client *client;
static struct client_folder inbox;
static struct verify_known known;
static unsigned stop_after;

static void
begin(void)
{
	struct mailbox_folder folder = {.text = ""};
	struct mailbox_name ann;
	struct fault f;

	place_make(dir, "verify");
	client = client_new(dir, "mx.b", &f);
	ck_assert_ptr_nonnull(client);
	ann = mailbox_named("ann@b");
	ck_assert_int_eq(
	    client_folder_make(client, &ann, &folder, &inbox, &f), 0);
	memset(&known, 0, sizeof known);
	seen[0] = '\0';
	stop_after = 0;
}

static void
end(void)
{
	verify_known_clear(&known);
	client_folder_close(&inbox);
	client_free(&client);
	place_remove(dir);
}

static void
write_file(const char *path, struct str bytes)
{
	int fd = openat(inbox.dir, path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes.at, bytes.len), (ssize_t)bytes.len);
	close(fd);
}

static void
know(const char *base, const char *text)
{
	uint8_t digest[DIGEST_LEN];

	digest_take(str(text), digest);
	verify_known_add(&known, str(base),
	    text[0] == '\0' ? str("")
			    : str_n((const char *)digest, sizeof digest));
}

static void
note(const char *line)
{
	size_t used = strlen(seen);

	snprintf(seen + used, sizeof seen - used, "%s\n", line);
}

static void
on_found(void *ctx, const struct verify_finding *finding)
{
	char line[400];

	(void)ctx;
	ck_assert_ptr_eq(finding->folder, &inbox);
	snprintf(line, sizeof line, "%s %s %s", verify_what_name(finding->what),
	    finding->file, finding->why);
	note(line);
}

static void
on_learnt(void *ctx, const struct verify_digest *digest)
{
	char line[400];

	(void)ctx;
	snprintf(line, sizeof line, "learnt %.*s %llu %u %02x",
	    STR_ARG(digest->base), (unsigned long long)digest->size,
	    digest->attachments, digest->digest[0]);
	note(line);
}

static bool
go_on(void *ctx, uint64_t bytes)
{
	(void)ctx;
	(void)bytes;
	return stop_after == 0 || --stop_after > 0;
}

static struct verify
verify(int want)
{
	struct verify v = {
	    .found = on_found, .learnt = on_learnt, .go_on = go_on};
	struct fault f = {.text = ""};

	ck_assert_msg(
	    verify_folder(&v, &inbox, &known, &f) == want, "%s", f.text);
	return v;
}

START_TEST(files_that_are_what_they_were_are_no_news)
{
	struct verify v;

	begin();
	write_file("cur/1.a,S=3:2,S", str("one"));
	write_file("new/2.a", str("two"));
	know("1.a,S=3", "one");
	know("2.a", "two");
	v = verify(1);
	ck_assert_uint_eq(v.messages, 2);
	ck_assert_uint_eq(v.bytes, 6);
	ck_assert_uint_eq(v.compared, 2);
	ck_assert_uint_eq(v.findings, 0);
	ck_assert_str_eq(seen, "");
	end();
}
END_TEST

START_TEST(a_digest_that_is_not_known_is_learnt)
{
	struct verify v;

	begin();
	write_file(
	    "cur/1.a:2,S", str("Content-Type: multipart/mixed; boundary=b\n\n"
			       "--b\nContent-Type: image/png\n\nx\n--b--\n"));
	write_file("cur/2.a:2,S", str("of this nobody knows"));
	know("1.a", "");
	v = verify(1);
	ck_assert_uint_eq(v.compared, 0);
	ck_assert_uint_eq(v.findings, 0);
	ck_assert_str_eq(seen, "learnt 1.a 80 1 12\n");
	end();
}
END_TEST

START_TEST(other_bytes_and_other_sizes_are_found)
{
	struct verify v;

	begin();
	write_file("cur/1.a,S=3:2,S", str("onf"));
	write_file("cur/2.a,S=9:2,S", str("cut"));
	write_file("cur/3.a:2,S", str(""));
	write_file("cur/4.a,S=1:2,S", str("long"));
	know("1.a,S=3", "one");
	know("2.a,S=9", "cut short");
	know("3.a", "");
	know("4.a,S=1", "");
	v = verify(1);
	ck_assert_uint_eq(v.findings, 4);
	ck_assert_uint_eq(v.messages, 4);
	ck_assert_str_eq(seen,
	    "rotten cur/1.a,S=3:2,S holds other bytes than those that came\n"
	    "size cur/2.a,S=9:2,S is 3 bytes long, and its name says 9\n"
	    "size cur/3.a:2,S is empty\n"
	    "size cur/4.a,S=1:2,S is 4 bytes long, and its name says 1\n");
	end();
}
END_TEST

START_TEST(what_dovecot_has_compressed_has_another_size)
{
	begin();
	write_file("cur/1.a,S=900:2,S", str("\x1f\x8b and so on"));
	write_file("cur/2.a,S=900:2,S", str("\x28\xb5\x2f\xfd and so on"));
	know("1.a,S=900", "\x1f\x8b and so on");
	know("2.a,S=900", "something else");
	verify(1);
	ck_assert_str_eq(seen, "rotten cur/2.a,S=900:2,S holds other bytes "
			       "than those that came\n");
	end();
}
END_TEST

START_TEST(strangers_are_found)
{
	struct verify v;

	begin();
	ck_assert_int_eq(mkdirat(inbox.dir, "new/1.a", 0700), 0);
	v = verify(1);
	ck_assert_str_eq(seen, "stranger new/1.a is a directory\n");
	ck_assert_int_eq(unlinkat(inbox.dir, "new/1.a", AT_REMOVEDIR), 0);
	seen[0] = '\0';
	write_file("cur/.hidden", str("x"));
	ck_assert_int_eq(symlinkat("/etc/passwd", inbox.dir, "new/2.a"), 0);
	v = verify(1);
	ck_assert_str_eq(seen,
	    "stranger new/2.a is a symbolic link\n"
	    "stranger cur/.hidden has a name that no message has\n");
	ck_assert_uint_eq(v.messages, 0);
	end();
}
END_TEST

/* Root may read everything: so that is not what we are. */
START_TEST(what_can_not_be_read_is_found)
{
	enum { NOBODY = 65534 };
	bool is_root = geteuid() == 0;
	struct verify v;

	begin();
	write_file("cur/1.a:2,S", str("secret"));
	write_file("cur/2.a:2,S", str("not secret"));
	ck_assert_int_eq(fchmodat(inbox.dir, "cur/1.a:2,S", 0, 0), 0);
	if (is_root) {
		ck_assert_int_eq(fchmodat(inbox.dir, "cur", 0755, 0), 0);
		ck_assert_int_eq(fchmodat(inbox.dir, "new", 0755, 0), 0);
		ck_assert_int_eq(
		    fchmodat(inbox.dir, "cur/2.a:2,S", 0644, 0), 0);
		ck_assert_int_eq(fchmodat(inbox.dir, ".", 0755, 0), 0);
		ck_assert_int_eq(seteuid(NOBODY), 0);
	}
	v = verify(1);
	if (is_root)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_uint_eq(v.messages, 1);
	ck_assert_uint_eq(v.findings, 1);
	ck_assert(str_starts(str(seen), STR_LIT("unreadable cur/1.a:2,S ")));
	end();
}
END_TEST

START_TEST(it_stops_when_it_is_told_to)
{
	begin();
	write_file("cur/1.a", str("x"));
	write_file("cur/2.a", str("x"));
	write_file("cur/3.a", str("x"));
	stop_after = 2;
	ck_assert_uint_eq(verify(0).messages, 2);
	end();
}
END_TEST

START_TEST(a_large_file_is_read_to_its_end)
{
	static char large[300001];
	struct verify v;

	begin();
	memset(large, 'x', sizeof large - 1);
	know("1.a", large);
	large[sizeof large - 2] = 'y';
	write_file("cur/1.a", str(large));
	v = verify(1);
	ck_assert_uint_eq(v.bytes, sizeof large - 1);
	ck_assert_uint_eq(v.findings, 1);
	end();
}
END_TEST

UNIT_MAIN("verify", files_that_are_what_they_were_are_no_news,
    a_digest_that_is_not_known_is_learnt, other_bytes_and_other_sizes_are_found,
    what_dovecot_has_compressed_has_another_size, strangers_are_found,
    what_can_not_be_read_is_found, it_stops_when_it_is_told_to,
    a_large_file_is_read_to_its_end)
