/* SPDX-License-Identifier: ISC */
/* admin/backup_mailbox.h: all that was there is copied once, whoever moves it. */
#include "config.h"

#include "admin/backup_mailbox.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/manifest.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

enum { MOVED = 100 };

static char dir[PLACE_SIZE];
static int top, mailbox;
static struct tree *tree;
static struct links *links;
static struct cmd_line line = {.quiet = true};
static struct progress progress;

static void
make_maildir(int at, const char *path)
{
	static const char *const parts[] = {"tmp", "new", "cur"};
	char part[200];
	struct fault f = {0};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		snprintf(part, sizeof part, "%s/%s", path, parts[i]);
		ck_assert_int_eq(tree_make(at, part, &f), 0);
	}
}

static void
begin(void)
{
	place_make(dir, "backup");
	top = place_open(dir);
	make_maildir(top, "box");
	make_maildir(top, "box/.Other");
	mailbox = openat(top, "box", O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(mailbox, 0);
	tree = tree_new();
	links = links_new();
	progress_begin(&progress, &line, "files", 0);
}

static void
end(void)
{
	struct fault f = {0};

	progress_end(&progress);
	tree_free(&tree);
	links_free(&links);
	close(mailbox);
	close(top);
	ck_assert_int_eq(tree_remove(AT_FDCWD, dir, &f), 0);
}

/* A snapshot of that name, beside another one to link to. */
static struct backup_counts
copy_with(const char *name, const char *last, bool link)
{
	struct backup_counts counts = {0};
	struct backup_box box = {.tree = tree,
	    .links = links,
	    .name = "d/u",
	    .from = mailbox,
	    .last = -1,
	    .link = link,
	    .progress = &progress};
	struct fault f = {0};

	ck_assert_int_eq(tree_make(top, name, &f), 0);
	box.snapshot = openat(top, name, O_RDONLY | O_DIRECTORY);
	if (last != NULL)
		box.last = openat(top, last, O_RDONLY | O_DIRECTORY);
	ck_assert_msg(backup_mailbox(&box, &counts, &f) == 0, "%s", f.text);
	close(box.snapshot);
	if (box.last >= 0)
		close(box.last);
	return counts;
}

static struct backup_counts
copy(const char *name, const char *last)
{
	return copy_with(name, last, false);
}

static bool
exists(const char *path)
{
	return place_has(top, path);
}

static ino_t
inode(const char *path)
{
	struct stat st;

	ck_assert_msg(fstatat(top, path, &st, 0) == 0, "%s", path);
	return st.st_ino;
}

/* The manifest and the files say the same. */
static int
check_file(void *ctx, int at, const char *path, struct fault *f)
{
	const struct manifest *m = ctx;
	const char *own = strstr(path, "mail/d/u/") + strlen("mail/d/u/");
	struct manifest_entry *e = manifest_find(m, own);
	struct tree_file file;

	ck_assert_msg(e != NULL && strcmp(e->path, own) == 0, "%s", own);
	ck_assert_int_eq(tree_read(tree, at, path, &file, f), 1);
	ck_assert_mem_eq(file.digest, e->file.digest, sizeof file.digest);
	ck_assert_int_eq(file.mtime, e->file.mtime);
	e->seen = 1;
	return 0;
}

static unsigned
check_copy(const char *name)
{
	char path[100];
	struct manifest m;
	struct fault f = {0};
	unsigned n;

	manifest_init(&m, MANIFEST_BY_PLACE);
	snprintf(path, sizeof path, "%s/manifests/d/u", name);
	ck_assert_int_eq(manifest_read(&m, top, path, false, &f), 1);
	snprintf(path, sizeof path, "%s/mail/d/u", name);
	ck_assert_int_eq(tree_each_file(top, path, check_file, &m, &f), 0);
	for (size_t i = 0; i < m.n; i++)
		ck_assert_uint_eq(m.entries[i]->seen, 1);
	n = (unsigned)m.n;
	manifest_clear(&m);
	return n;
}

START_TEST(messages_and_what_names_them_are_copied_and_caches_are_not)
{
	struct backup_counts counts;

	begin();
	place_write(mailbox, "new/1.a", "one");
	place_write(mailbox, "cur/2.a:2,S", "two");
	place_write(mailbox, ".Other/cur/3.a:2,", "three");
	place_write(mailbox, "tmp/4.a", "half");
	place_write(mailbox, "dovecot-uidlist", "3 V1\n");
	place_write(mailbox, ".Other/maildirfolder", "");
	place_write(mailbox, "dovecot.index.log", "x");
	place_write(mailbox, "maildirsize", "x");
	ck_assert_int_eq(symlinkat("/etc/passwd", mailbox, "cur/link"), 0);
	counts = copy("s1", NULL);
	ck_assert_uint_eq(check_copy("s1"), 5);
	ck_assert_uint_eq(counts.messages, 3);
	ck_assert_uint_eq(counts.copied, 5);
	ck_assert_uint_eq(counts.restless, 0);
	ck_assert(exists("s1/mail/d/u/.Other/tmp"));
	ck_assert(exists("s1/mail/d/u/dovecot-uidlist"));
	ck_assert(!exists("s1/mail/d/u/maildirsize"));
	ck_assert(!exists("s1/mail/d/u/tmp/4.a"));
	ck_assert(!exists("s1/mail/d/u/cur/link"));
	ck_assert(!exists("s1/journals/d/u"));
	end();
}
END_TEST

START_TEST(what_the_last_copy_has_is_linked_wherever_it_has_moved)
{
	struct backup_counts counts;

	begin();
	place_write(mailbox, "new/1.a", "one");
	place_write(mailbox, "cur/2.a:2,S", "two");
	place_write(mailbox, "subscriptions", "Other\n");
	copy("s1", NULL);
	ck_assert_int_eq(
	    renameat(mailbox, "new/1.a", mailbox, "cur/1.a:2,RS"), 0);
	ck_assert_int_eq(
	    renameat(mailbox, "cur/2.a:2,S", mailbox, ".Other/cur/2.a:2,S"), 0);
	place_write(mailbox, "new/3.a", "three");
	place_write(mailbox, "subscriptions", "Other\nMore\n");
	counts = copy("s2", "s1");
	ck_assert_uint_eq(check_copy("s2"), 4);
	ck_assert_uint_eq(counts.copied, 2);
	ck_assert_uint_eq(
	    inode("s2/mail/d/u/cur/1.a:2,RS"), inode("s1/mail/d/u/new/1.a"));
	ck_assert_uint_eq(inode("s2/mail/d/u/.Other/cur/2.a:2,S"),
	    inode("s1/mail/d/u/cur/2.a:2,S"));
	ck_assert_uint_eq(check_copy("s1"), 3);
	end();
}
END_TEST

START_TEST(another_message_of_the_same_name_is_no_link)
{
	begin();
	place_write(mailbox, "new/1.a", "one");
	copy("s1", NULL);
	place_write(mailbox, "new/1.a", "another");
	ck_assert_uint_eq(copy("s2", "s1").copied, 1);
	check_copy("s2");
	end();
}
END_TEST

START_TEST(messages_can_be_links_to_those_in_the_mailbox)
{
	begin();
	place_write(mailbox, "new/1.a", "one");
	place_write(mailbox, "subscriptions", "x\n");
	copy_with("s1", NULL, true);
	check_copy("s1");
	ck_assert_uint_eq(inode("s1/mail/d/u/new/1.a"), inode("box/new/1.a"));
	ck_assert_uint_ne(
	    inode("s1/mail/d/u/subscriptions"), inode("box/subscriptions"));
	end();
}
END_TEST

START_TEST(one_file_with_two_names_is_one_in_the_copy)
{
	begin();
	place_write(mailbox, "new/1.a", "one");
	ck_assert_int_eq(
	    linkat(mailbox, "new/1.a", mailbox, ".Other/new/2.b", 0), 0);
	ck_assert_uint_eq(copy("s1", NULL).copied, 1);
	ck_assert_uint_eq(check_copy("s1"), 2);
	ck_assert_uint_eq(
	    inode("s1/mail/d/u/new/1.a"), inode("s1/mail/d/u/.Other/new/2.b"));
	/* Also where the name that is known has changed since. */
	copy("s2", "s1");
	ck_assert_uint_eq(
	    inode("s2/mail/d/u/new/1.a"), inode("s2/mail/d/u/.Other/new/2.b"));
	end();
}
END_TEST

/* As a kill leaves it: files with and without a line, and half a line. */
START_TEST(an_interrupted_copy_is_used_as_far_as_it_is_sound)
{
	struct backup_counts counts;
	char text[20000];
	ssize_t n;
	int fd;

	begin();
	place_write(mailbox, "new/1.a", "one");
	place_write(mailbox, "new/2.a", "two");
	place_write(mailbox, "new/3.a", "three");
	copy("s", NULL);
	fd = openat(top, "s/manifests/d/u", O_RDONLY);
	n = read(fd, text, sizeof text - 1);
	ck_assert_int_gt(n, 10);
	text[n - 5] = '\0'; /* the last line is torn */
	close(fd);
	ck_assert_int_eq(unlinkat(top, "s/manifests/d/u", 0), 0);
	place_write(top, "s/journals/d/u", text);
	place_write(top, "s/mail/d/u/new/9.stray", "no line");
	/* Its bytes are not what its line says. */
	place_write(top, "s/mail/d/u/new/1.a", "eno");
	ck_assert_int_eq(unlinkat(mailbox, "new/2.a", 0), 0);
	counts = copy("s", NULL);
	ck_assert_uint_eq(check_copy("s"), 2);
	ck_assert_uint_ge(counts.copied, 1);
	ck_assert(!exists("s/mail/d/u/new/9.stray"));
	ck_assert(!exists("s/mail/d/u/new/2.a"));
	end();
}
END_TEST

static atomic_bool stop;

static void
name_place(char path[40], unsigned place, unsigned message)
{
	static const char *const parts[][2] = {
	    {"cur/", ":2,"}, {"cur/", ":2,S"}, {".Other/cur/", ":2,S"}};

	snprintf(path, 40, "%s%u.m%s", parts[place % 3][0], message,
	    parts[place % 3][1]);
}

/* Each message goes round: flags, another folder, and back. */
static void *
move_about(void *ctx)
{
	(void)ctx;
	for (unsigned round = 0; !atomic_load(&stop); round++) {
		for (unsigned i = 0; i < MOVED; i++) {
			char from[40], to[40];

			name_place(from, round, i);
			name_place(to, round + 1, i);
			ck_assert_int_eq(
			    renameat(mailbox, from, mailbox, to), 0);
		}
	}
	return NULL;
}

START_TEST(no_message_is_missed_or_copied_twice_while_all_move)
{
	pthread_t thread;

	begin();
	for (unsigned i = 0; i < MOVED; i++) {
		char path[40];

		snprintf(path, sizeof path, "cur/%u.m:2,", i);
		place_write(mailbox, path, path);
	}
	atomic_store(&stop, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, move_about, NULL), 0);
	for (int i = 0; i < 2; i++) {
		char name[20];

		snprintf(name, sizeof name, "s%d", i);
		copy(name, NULL);
		ck_assert_uint_eq(check_copy(name), MOVED);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	end();
}
END_TEST

UNIT_MAIN("backup_mailbox",
    messages_and_what_names_them_are_copied_and_caches_are_not,
    what_the_last_copy_has_is_linked_wherever_it_has_moved,
    another_message_of_the_same_name_is_no_link,
    messages_can_be_links_to_those_in_the_mailbox,
    one_file_with_two_names_is_one_in_the_copy,
    an_interrupted_copy_is_used_as_far_as_it_is_sound,
    no_message_is_missed_or_copied_twice_while_all_move)
