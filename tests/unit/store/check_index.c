/* SPDX-License-Identifier: ISC */
/* store/index.h: the index follows the Maildirs, whatever happens to either. */
#include "config.h"

#include "store/index.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/db.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

/* The library frees nothing of an environment that has panicked, and some of
 * these tests make it panic. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libdb";
}

static char dir[PLACE_SIZE];
static char index_dir[80];
static int root;
static struct index *index_;
static struct mailbox_name ann;
static struct mailbox_folder inbox, lists;

static void
make(const char *path)
{
	ck_assert_int_eq(mkdirat(root, path, 0700), 0);
}

static void
make_maildir(const char *path)
{
	char part[256];

	make(path);
	for (const char *const *p =
		 (const char *const[]){"new", "cur", "tmp", NULL};
	     *p != NULL; p++) {
		snprintf(part, sizeof part, "%s/%s", path, *p);
		make(part);
	}
}

/* Whole when it gets its name, as a delivery is: the index may be looking. */
static void
write_file(const char *path, const char *text)
{
	place_put(root, "half", text);
	ck_assert_int_eq(renameat(root, "half", root, path), 0);
}

static void
open_index(void)
{
	struct fault f = {.text = ""};

	index_ = index_open(index_dir, 1 << 20, root, &f);
	ck_assert_msg(index_ != NULL, "%s", f.text);
	ck_assert_msg(index_sweep(index_, &f) == 0, "%s", f.text);
	ck_assert_int_eq(index_start(index_, &f), 0);
}

static void
begin(void)
{
	char path[80];

	place_make(dir, "index");
	snprintf(index_dir, sizeof index_dir, "%s/index", dir);
	snprintf(path, sizeof path, "%s/mail", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	root = place_open(path);
	make("b");
	make_maildir("b/ann");
	ann = mailbox_named("ann@b");
	inbox = folder_named("");
	lists = folder_named("Lists");
	open_index();
}

static void
end(void)
{
	index_close(&index_);
	close(root);
	place_remove(dir);
}

/* What the operator's methods do, as jobs. */
struct job {
	enum index_check_how how;
	struct index_difference sum;
	uint64_t folders;
	struct index_stat stat;
	char seen[2000];
};

static int
check(struct index *index, void *ctx, struct fault *f)
{
	struct job *j = ctx;

	return index_check(index, str(""), j->how, &j->sum, &j->folders, f);
}

static struct job
run_check(enum index_check_how how)
{
	struct job j = {.how = how};
	struct fault f = {.text = ""};

	ck_assert_msg(index_run(index_, check, &j, &f) == 0, "%s", f.text);
	return j;
}

static void
assert_agrees(uint64_t messages)
{
	struct job j = run_check(INDEX_COMPARE);

	ck_assert_uint_eq(j.sum.messages, messages);
	ck_assert_uint_eq(j.sum.missing, 0);
	ck_assert_uint_eq(j.sum.stale, 0);
	ck_assert_uint_eq(j.sum.changed, 0);
}

static int
add_stat(void *ctx, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_stat *stat)
{
	struct job *j = ctx;

	(void)mailbox;
	(void)folder;
	j->folders++;
	j->stat.messages += stat->messages;
	j->stat.unseen += stat->unseen;
	j->stat.bytes += stat->bytes;
	return 0;
}

static int
sum(struct index *index, void *ctx, struct fault *f)
{
	return index_each_folder(
	    index, (struct index_range){0}, add_stat, ctx, f);
}

static void
assert_sum(uint64_t folders, uint64_t messages, uint64_t unseen, uint64_t bytes)
{
	struct job j = {.folders = 0};
	struct fault f;

	ck_assert_int_eq(index_run(index_, sum, &j, &f), 0);
	ck_assert_uint_eq(j.folders, folders);
	ck_assert_uint_eq(j.stat.messages, messages);
	ck_assert_uint_eq(j.stat.unseen, unseen);
	ck_assert_uint_eq(j.stat.bytes, bytes);
}

static int
see(void *ctx, struct str base, const struct record *r)
{
	struct job *j = ctx;
	size_t used = strlen(j->seen);

	snprintf(j->seen + used, sizeof j->seen - used,
	    "%.*s%.*s %s %llu <%.*s> \"%.*s\" %.*s\n", STR_ARG(base),
	    STR_ARG(r->info), r->place == RECORD_NEW ? "new" : "cur",
	    (unsigned long long)r->size, STR_ARG(r->message_id),
	    STR_ARG(r->subject), STR_ARG(r->sender));
	return 0;
}

static int
see_all(struct index *index, void *ctx, struct fault *f)
{
	return index_each_message(index, &ann, &inbox, str(""), see, ctx, f);
}

static void
assert_messages(const char *want)
{
	struct job j = {.seen = ""};
	struct fault f;

	ck_assert_int_eq(index_run(index_, see_all, &j, &f), 0);
	ck_assert_str_eq(j.seen, want);
}

static const char text[] = "From: Bob <bob@b>\nSubject: x\n y\n"
			   "Message-ID: <1@b>\nDate: Mon, 23 Nov 2026 "
			   "17:05:38 +0000\n\nbody\n";
#define NAME "1700000000.M000001P1Q1I00112233445566zz.b,S=94,W=101"

/* The message is delivered to the inbox, and the index told so. */
static void
learn_news(const struct index_news *news)
{
	struct index_folder *folder = index_folder_hold(index_, &ann, &inbox);
	char path[300];

	index_announce(folder);
	snprintf(path, sizeof path, "b/ann/new/%.*s", STR_ARG(news->name));
	write_file(path, text);
	index_learn(folder, news);
	index_folder_release(&folder);
}

static void
learn(const char *name)
{
	const struct index_news news = {
	    .name = str(name),
	    .head = str(text),
	    .size = sizeof text - 1,
	};

	learn_news(&news);
}

START_TEST(what_is_delivered_is_known)
{
	begin();
	learn(NAME);
	assert_messages(NAME " new 94 <1@b> \"x y\" bob@b\n");
	assert_sum(1, 1, 1, sizeof text - 1);
	assert_agrees(1);
	end();
}
END_TEST

static void
move(const char *from, const char *to)
{
	ck_assert_int_eq(renameat(root, from, root, to), 0);
}

START_TEST(what_an_imap_server_does_is_found)
{
	struct job j;

	begin();
	learn("1.a");
	learn("2.a");
	learn("3.a");
	run_check(INDEX_MEND);
	assert_sum(1, 3, 3, 3 * (sizeof text - 1));
	move("b/ann/new/1.a", "b/ann/cur/1.a:2,S");
	ck_assert_int_eq(unlinkat(root, "b/ann/new/2.a", 0), 0);
	write_file("b/ann/cur/4.a:2,F", "x\n");
	j = run_check(INDEX_COMPARE);
	ck_assert_uint_eq(j.sum.messages, 3);
	ck_assert_uint_eq(j.sum.missing, 1);
	ck_assert_uint_eq(j.sum.stale, 1);
	ck_assert_uint_eq(j.sum.changed, 1);
	/* Comparing mends nothing. */
	ck_assert_uint_eq(run_check(INDEX_COMPARE).sum.changed, 1);
	run_check(INDEX_MEND);
	assert_agrees(3);
	assert_sum(1, 3, 2, 2 * (sizeof text - 1) + 2);
	assert_messages("1.a:2,S cur 94 <1@b> \"x y\" bob@b\n"
			"3.a new 94 <1@b> \"x y\" bob@b\n"
			"4.a:2,F cur 2 <> \"\" \n");
	move("b/ann/cur/1.a:2,S", "b/ann/cur/1.a:2,RS");
	run_check(INDEX_MEND);
	assert_agrees(3);
	end();
}
END_TEST

enum { MOVED = 2000 };

static void *
move_all(void *unused)
{
	char from[80], to[80];

	(void)unused;
	for (unsigned i = 0; i < MOVED; i++) {
		snprintf(from, sizeof from, "b/ann/new/%u.a", i);
		snprintf(to, sizeof to, "b/ann/cur/%u.a:2,S", i);
		move(from, to);
	}
	return NULL;
}

START_TEST(what_is_moved_while_it_is_read_is_read_again)
{
	char path[80];
	pthread_t thread;
	struct job j;

	begin();
	for (unsigned i = 0; i < MOVED; i++) {
		snprintf(path, sizeof path, "b/ann/new/%u.a", i);
		write_file(path, "x");
	}
	ck_assert_int_eq(pthread_create(&thread, NULL, move_all, NULL), 0);
	run_check(INDEX_MEND);
	pthread_join(thread, NULL);
	j = run_check(INDEX_COMPARE);
	ck_assert_uint_eq(j.sum.messages, MOVED);
	ck_assert_uint_eq(j.sum.missing, 0);
	ck_assert_uint_eq(j.sum.stale, 0);
	end();
}
END_TEST

/* The digest of each message, in hexadecimal digits, or "-". */
static int
see_digest(void *ctx, struct str base, const struct record *r)
{
	struct job *j = ctx;
	size_t used = strlen(j->seen);
	struct buf hex;

	buf_init(&hex, 100);
	buf_put_hex(&hex, r->digest);
	snprintf(j->seen + used, sizeof j->seen - used, "%.*s %.8s %d\n",
	    STR_ARG(base), r->digest.len > 0 ? buf_text(&hex) : "-",
	    r->has_attachments ? (int)r->attachments : -1);
	buf_clear(&hex);
	return 0;
}

static int
see_digests(struct index *index, void *ctx, struct fault *f)
{
	struct job *j = ctx;

	return index_each_message(index, &ann, j->folders > 0 ? &lists : &inbox,
	    str(""), see_digest, j, f);
}

static void
assert_digests(bool in_lists, const char *want)
{
	struct job j = {.seen = "", .folders = in_lists};
	struct fault f;

	ck_assert_int_eq(index_run(index_, see_digests, &j, &f), 0);
	ck_assert_str_eq(j.seen, want);
}

/* Says of a file what is not true, so that it shows whether it is believed. */
static void
learn_digest(const char *name)
{
	const struct index_news news = {
	    .name = str(name),
	    .head = str(text),
	    .size = sizeof text - 1,
	    .digest = STR_LIT("0123456789abcdef0123456789abcdefbodybody"),
	    .has_attachments = true,
	    .attachments = 7,
	};

	learn_news(&news);
}

START_TEST(a_digest_is_never_taken_anew)
{
	begin();
	learn_digest("1.a");
	assert_digests(false, "1.a 30313233 7\n");
	move("b/ann/new/1.a", "b/ann/cur/1.a:2,S");
	run_check(INDEX_MEND);
	assert_digests(false, "1.a 30313233 7\n");
	run_check(INDEX_REMAKE);
	assert_digests(false, "1.a 30313233 7\n");
	assert_agrees(1);
	assert_sum(1, 1, 0, sizeof text - 1);
	end();
}
END_TEST

START_TEST(a_digest_goes_with_its_message_into_another_folder)
{
	begin();
	make_maildir("b/ann/.Lists");
	learn_digest("1.a");
	learn_digest("2.a");
	/* Whichever of the folders is compared first. */
	for (unsigned i = 0; i < 3; i++) {
		move("b/ann/new/1.a", "b/ann/.Lists/cur/1.a:2,S");
		run_check(INDEX_MEND);
		assert_digests(false, "2.a 30313233 7\n");
		assert_digests(true, "1.a 30313233 7\n");
		move("b/ann/.Lists/cur/1.a:2,S", "b/ann/new/1.a");
		move("b/ann/new/2.a", "b/ann/.Lists/cur/2.a:2,S");
		run_check(INDEX_MEND);
		assert_digests(false, "1.a 30313233 7\n");
		assert_digests(true, "2.a 30313233 7\n");
		move("b/ann/.Lists/cur/2.a:2,S", "b/ann/new/2.a");
		run_check(INDEX_MEND);
	}
	end();
}
END_TEST

START_TEST(a_digest_goes_with_a_folder_that_gets_another_name)
{
	begin();
	make_maildir("b/ann/.Old");
	write_file("b/ann/.Old/cur/1.a:2,S", text);
	run_check(INDEX_MEND);
	/* Not read again, or the byte would show. */
	move("b/ann/.Old", "b/ann/.Lists");
	ck_assert_int_eq(unlinkat(root, "b/ann/.Lists/cur/1.a:2,S", 0), 0);
	write_file("b/ann/.Lists/cur/1.a:2,S", "rotten\n");
	run_check(INDEX_MEND);
	assert_digests(true, "1.a c8bcc807 0\n");
	end();
}
END_TEST

START_TEST(a_file_of_others_gets_a_digest_where_it_is_read_whole)
{
	static char large[RECORD_HEAD_MAX + 2];

	memset(large, 'x', sizeof large - 1);
	begin();
	write_file("b/ann/cur/1.a:2,S", text);
	write_file("b/ann/cur/2.a:2,S", large);
	large[RECORD_HEAD_MAX] = '\0';
	write_file("b/ann/cur/3.a:2,S", large);
	run_check(INDEX_MEND);
	assert_digests(false, "1.a c8bcc807 0\n2.a - -1\n3.a 1536c422 0\n");
	end();
}
END_TEST

static int
put_digest(struct index *index, void *ctx, struct fault *f)
{
	const struct index_digest *d = ctx;

	return index_put_digest(index, &ann, &inbox, d, f);
}

START_TEST(a_digest_is_filled_in_where_there_is_none)
{
	static char large[RECORD_HEAD_MAX + 2];
	struct index_digest d = {
	    .base = STR_LIT("1.a"),
	    .digest = STR_LIT("0123456789abcdef0123456789abcdefbodybody"),
	    .attachments = 3,
	};
	struct fault f;

	memset(large, 'x', sizeof large - 1);
	begin();
	write_file("b/ann/cur/1.a:2,S", large);
	run_check(INDEX_MEND);
	/* Of a file of another size; of one that is not known. */
	ck_assert_int_eq(index_run(index_, put_digest, &d, &f), 0);
	d.size = sizeof large - 1;
	d.base = STR_LIT("2.a");
	ck_assert_int_eq(index_run(index_, put_digest, &d, &f), 0);
	assert_digests(false, "1.a - -1\n");
	d.base = STR_LIT("1.a");
	ck_assert_int_eq(index_run(index_, put_digest, &d, &f), 1);
	assert_digests(false, "1.a 30313233 3\n");
	d.digest = STR_LIT("another..another..another..another..anot");
	ck_assert_int_eq(index_run(index_, put_digest, &d, &f), 0);
	assert_digests(false, "1.a 30313233 3\n");
	assert_agrees(1);
	assert_sum(1, 1, 0, sizeof large - 1);
	end();
}
END_TEST

static int
see_name(void *ctx, const struct mailbox_name *mailbox)
{
	struct job *j = ctx;
	size_t used = strlen(j->seen);

	snprintf(j->seen + used, sizeof j->seen - used, "%s ", mailbox->text);
	return 0;
}

static int
see_names(struct index *index, void *ctx, struct fault *f)
{
	struct job *j = ctx;

	return index_each_name(
	    index, str(j->folders > 0 ? "b/ann" : ""), see_name, j, f);
}

START_TEST(mailboxes_on_disk_and_in_the_index_are_named_once_and_in_order)
{
	struct job j = {.seen = ""};
	struct fault f;

	begin();
	make_maildir("b/zoe");
	make_maildir("b/ann/.Lists");
	run_check(INDEX_MEND);
	make_maildir("b/bob");
	make("a");
	make_maildir("a/carl");
	move("b/zoe", ".gone");
	ck_assert_int_eq(index_run(index_, see_names, &j, &f), 0);
	ck_assert_str_eq(j.seen, "carl@a ann@b bob@b zoe@b ");
	j.seen[0] = '\0';
	j.folders = 1;
	ck_assert_int_eq(index_run(index_, see_names, &j, &f), 0);
	ck_assert_str_eq(j.seen, "bob@b zoe@b ");
	end();
}
END_TEST

START_TEST(folders_come_and_go)
{
	begin();
	make_maildir("b/ann/.Lists");
	make_maildir("b/ann/.&odd");
	write_file("b/ann/.Lists/cur/1.a:2,S", "x\n");
	write_file("b/ann/.&odd/cur/1.a:2,S", "x\n");
	run_check(INDEX_MEND);
	assert_sum(3, 2, 0, 4);
	assert_agrees(2);
	index_close(&index_);
	ck_assert_int_eq(unlinkat(root, "b/ann/.Lists/cur/1.a:2,S", 0), 0);
	for (const char *const *p = (const char *const[]){"b/ann/.Lists/new",
		 "b/ann/.Lists/cur", "b/ann/.Lists/tmp", "b/ann/.Lists", NULL};
	     *p != NULL; p++)
		ck_assert_int_eq(unlinkat(root, *p, AT_REMOVEDIR), 0);
	open_index();
	run_check(INDEX_MEND);
	assert_sum(2, 1, 0, 2);
	assert_agrees(1);
	end();
}
END_TEST

START_TEST(a_changed_folder_is_noticed_at_the_next_start)
{
	begin();
	learn("1.a");
	index_close(&index_);
	move("b/ann/new/1.a", "b/ann/cur/1.a:2,S");
	open_index();
	assert_agrees(1);
	assert_messages("1.a:2,S cur 94 <1@b> \"x y\" bob@b\n");
	end();
}
END_TEST

START_TEST(what_a_crash_kept_from_the_index_is_found_at_the_next_start)
{
	int status;
	pid_t child;

	begin();
	learn("1.a");
	index_close(&index_);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		open_index();
		learn("2.a");
		learn("3.a");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	open_index();
	assert_agrees(3);
	assert_sum(1, 3, 3, 3 * (sizeof text - 1));
	end();
}
END_TEST

START_TEST(an_index_that_was_lost_is_made_anew)
{
	begin();
	learn("1.a");
	learn("2.a");
	index_close(&index_);
	place_remove(index_dir);
	open_index();
	assert_agrees(2);
	assert_sum(1, 2, 2, 2 * (sizeof text - 1));
	end();
}
END_TEST

START_TEST(an_index_of_another_version_is_made_anew)
{
	const struct db_env_options options = {.durability = DB_WRITTEN};
	char old[25] = {1};
	struct db_env *env;
	struct db_txn *txn;
	struct db *folders;
	struct fault f;

	begin();
	learn("1.a");
	index_close(&index_);
	env = db_env_open(index_dir, &options, &f);
	ck_assert_ptr_nonnull(env);
	folders = db_open(env, "folders", &f);
	ck_assert_ptr_nonnull(folders);
	txn = db_begin(env, &f);
	/* What stands before all folders says of which version it is. */
	ck_assert_int_eq(
	    db_put(folders, txn, str_n("", 1), str_n(old, sizeof old), &f), 0);
	ck_assert_int_eq(db_commit(&txn, &f), 0);
	db_close(&folders);
	db_env_close(&env);
	open_index();
	run_check(INDEX_MEND);
	assert_agrees(1);
	assert_sum(1, 1, 1, sizeof text - 1);
	end();
}
END_TEST

START_TEST(an_index_that_is_damaged_is_moved_aside)
{
	char path[128];
	int fd;

	begin();
	learn("1.a");
	index_close(&index_);
	snprintf(path, sizeof path, "%s/log.0000000001", index_dir);
	fd = open(path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 0; at < 400; at += 8)
		ck_assert_int_eq(pwrite(fd, "nonsense", 8, at), 8);
	close(fd);
	open_index();
	assert_agrees(1);
	end();
}
END_TEST

/* One byte of a file of the index is turned over. */
static bool
damage(const char *file, off_t at)
{
	char path[128], byte;
	int fd;

	snprintf(path, sizeof path, "%s/%s", index_dir, file);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	if (pread(fd, &byte, 1, at) != 1) {
		close(fd);
		return false;
	}
	byte = (char)~byte;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
	return true;
}

/* Each failure makes the writer look what is wrong, and it reads all tables
 * between the first job and the second. */
static void
wait_until_mended(void)
{
	unsigned failures = 0;

	for (int in_a_row = 0; in_a_row < 2; in_a_row++) {
		struct job j = {.how = INDEX_MEND};
		struct fault f = {.text = ""};

		if (index_run(index_, check, &j, &f) == 0)
			continue;
		ck_assert_msg(++failures < 4, "%s", f.text);
		in_a_row = -1;
	}
}

START_TEST(an_index_with_a_byte_turned_over_is_made_anew)
{
	static const char *const files[] = {
	    "folders.db", "messages.db", "delivered.db"};
	unsigned tried = 0;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		for (off_t at = 100;; at += 8192) {
			bool more;

			begin();
			for (unsigned n = 0; n < 60; n++) {
				char name[80];

				snprintf(name, sizeof name,
				    "%lld.M%06uP1Q1I00112233445566zz.b,S=94",
				    (long long)time(NULL), n);
				learn(name);
			}
			index_close(&index_);
			more = damage(files[i], at);
			tried += more;
			open_index();
			wait_until_mended();
			assert_agrees(60);
			assert_sum(1, 60, 60, 60 * (sizeof text - 1));
			end();
			if (!more)
				break;
		}
	}
	ck_assert_uint_ge(tried, 6);
}
END_TEST

START_TEST(an_index_that_was_cut_is_made_anew)
{
	static const char *const files[] = {
	    "folders.db", "messages.db", "delivered.db"};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		for (off_t size = 0; size < 20000; size += 5000) {
			char path[128];

			begin();
			learn("1.a");
			index_close(&index_);
			snprintf(
			    path, sizeof path, "%s/%s", index_dir, files[i]);
			ck_assert_int_eq(truncate(path, size), 0);
			open_index();
			wait_until_mended();
			assert_agrees(1);
			end();
		}
	}
}
END_TEST

START_TEST(what_the_queue_can_not_hold_is_found_by_looking)
{
	struct index_folder *folder;
	struct fault f;

	begin();
	learn("1.a");
	index_close(&index_);
	/* Nobody writes yet, and none of these files is there. */
	index_ = index_open(index_dir, 1 << 20, root, &f);
	ck_assert_ptr_nonnull(index_);
	folder = index_folder_hold(index_, &ann, &inbox);
	for (unsigned i = 0; i < 40000; i++) {
		struct index_news news = {.size = 5};
		char name[32];

		snprintf(name, sizeof name, "%u.x", i + 10);
		news.name = str(name);
		index_announce(folder);
		index_learn(folder, &news);
	}
	index_folder_release(&folder);
	ck_assert_int_eq(index_start(index_, &f), 0);
	assert_agrees(1);
	assert_sum(1, 1, 1, sizeof text - 1);
	end();
}
END_TEST

START_TEST(what_was_learnt_before_a_job_is_known_to_it)
{
	begin();
	/* While the writer has one in hand, the next comes, then the job. */
	for (unsigned n = 1; n <= 400; n++) {
		char name[16];

		snprintf(name, sizeof name, "%u.a", n);
		learn(name);
		if (n % 2 == 0)
			assert_sum(1, n, n, n * (sizeof text - 1));
	}
	end();
}
END_TEST

/* Rebuilds until it is killed. */
static void
rebuild_for_good(int begun)
{
	open_index();
	ck_assert_int_eq(write(begun, "x", 1), 1);
	for (;;)
		run_check(INDEX_REMAKE);
}

static void
kill_a_rebuild(useconds_t after)
{
	int begun[2], status;
	char byte;
	pid_t child;

	ck_assert_int_eq(pipe(begun), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		rebuild_for_good(begun[1]);
	ck_assert_int_eq(read(begun[0], &byte, 1), 1);
	usleep(after);
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	close(begun[0]);
	close(begun[1]);
}

START_TEST(a_rebuild_may_be_killed_at_any_point)
{
	enum { FILES = 3000 };
	char path[80];

	begin();
	learn_digest("0.a");
	for (unsigned i = 1; i < FILES; i++) {
		snprintf(path, sizeof path, "b/ann/cur/%u.a:2,S", i);
		write_file(path, "x");
	}
	run_check(INDEX_MEND);
	index_close(&index_);
	for (unsigned i = 0; i < 12; i++) {
		kill_a_rebuild(i * 7000);
		if (i % 3 != 2)
			continue;
		open_index();
		assert_agrees(FILES);
		assert_sum(1, FILES, 1, sizeof text - 1 + FILES - 1);
		index_close(&index_);
	}
	open_index();
	ck_assert_int_eq(unlinkat(root, "b/ann/new/0.a", 0), 0);
	write_file("b/ann/new/0.a", "rotten");
	run_check(INDEX_REMAKE);
	for (unsigned i = 1; i < FILES; i++) {
		snprintf(path, sizeof path, "b/ann/cur/%u.a:2,S", i);
		ck_assert_int_eq(unlinkat(root, path, 0), 0);
	}
	run_check(INDEX_MEND);
	assert_digests(false, "0.a 30313233 7\n");
	end();
}
END_TEST

START_TEST(what_dovecot_has_compressed_is_not_damaged)
{
	begin();
	write_file("b/ann/cur/1.a,S=700:2,S", "\x1f\x8b and so on");
	write_file("b/ann/cur/2.a,S=700:2,S", "cut short");
	ck_assert_uint_eq(run_check(INDEX_REMAKE).sum.damaged, 1);
	ck_assert_uint_eq(run_check(INDEX_COMPARE).sum.damaged, 1);
	end();
}
END_TEST

START_TEST(a_rebuild_gives_the_same_again)
{
	begin();
	learn("1.a");
	write_file("b/ann/cur/2.a,S=7:2,S", "x\n");
	ck_assert_uint_eq(run_check(INDEX_REMAKE).sum.messages, 2);
	ck_assert_uint_eq(run_check(INDEX_COMPARE).sum.damaged, 1);
	ck_assert_uint_eq(run_check(INDEX_REMAKE).sum.damaged, 1);
	assert_sum(1, 2, 1, sizeof text + 1);
	assert_messages("1.a new 94 <1@b> \"x y\" bob@b\n"
			"2.a,S=7:2,S cur 2 <> \"\" \n");
	end();
}
END_TEST

static bool
was_delivered(const char *ident)
{
	struct buf key;
	bool was;

	buf_init(&key, 500);
	index_delivery_key(&key, str(ident), &ann, &inbox);
	was = index_was_delivered(index_, buf_str(&key));
	buf_clear(&key);
	return was;
}

START_TEST(a_delivery_is_remembered)
{
	char name[128];

	begin();
	snprintf(name, sizeof name,
	    "%lld.M000001P1Q1I00112233445566zz.b,S=94,W=101",
	    (long long)time(NULL));
	ck_assert(!was_delivered("00112233445566zz"));
	learn(name);
	assert_agrees(1);
	ck_assert(was_delivered("00112233445566zz"));
	ck_assert(!was_delivered("00112233445566zy"));
	ck_assert_int_gt(index_newest_ident(index_), 0);
	end();
}
END_TEST

START_TEST(a_delivery_is_known_though_its_table_is_damaged)
{
	char name[128];

	for (off_t at = 100; at < 3 * 8192; at += 8192) {
		begin();
		snprintf(name, sizeof name,
		    "%lld.M000001P1Q1I00112233445566zz.b,S=94,W=101",
		    (long long)time(NULL));
		learn(name);
		index_close(&index_);
		damage("delivered.db", at);
		open_index();
		ck_assert(was_delivered("00112233445566zz"));
		end();
	}
}
END_TEST

START_TEST(ten_days_later_a_delivery_is_forgotten)
{
	begin();
	learn(NAME);
	assert_agrees(1);
	ck_assert(!was_delivered("00112233445566zz"));
	end();
}
END_TEST

/* What is damaged is not mended by looking at it here. */
static void
await_sum(uint64_t messages)
{
	struct job j = {.folders = 0};
	struct fault f;

	for (int i = 0; i < 3000 && j.stat.messages != messages; i++) {
		usleep(10000);
		j = (struct job){.folders = 0};
		ck_assert_int_eq(index_run(index_, sum, &j, &f), 0);
	}
	ck_assert_uint_eq(j.stat.messages, messages);
}

START_TEST(an_index_without_one_of_its_tables_is_made_anew)
{
	static const char *const files[] = {
	    "folders.db", "messages.db", "delivered.db"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[128];

		begin();
		learn("1.a");
		index_close(&index_);
		snprintf(path, sizeof path, "%s/%s", index_dir, files[i]);
		ck_assert_int_eq(unlink(path), 0);
		open_index();
		await_sum(1);
		assert_messages("1.a new 94 <1@b> \"x y\" bob@b\n");
		snprintf(path, sizeof path, "%s.broken", index_dir);
		ck_assert_int_eq(access(path, F_OK), 0);
		end();
	}
}
END_TEST

static void
set_times(time_t time)
{
	const struct timespec times[2] = {{.tv_sec = time}, {.tv_sec = time}};

	ck_assert_int_eq(utimensat(root, "b/ann/new", times, 0), 0);
	ck_assert_int_eq(utimensat(root, "b/ann/cur", times, 0), 0);
}

/* The clock was ahead, and is no longer. */
START_TEST(a_folder_changed_in_the_future_is_known_to_be_as_it_was)
{
	time_t future = time(NULL) + 86400;

	begin();
	learn("1.a");
	run_check(INDEX_MEND);
	set_times(future);
	run_check(INDEX_MEND);
	index_close(&index_);
	/* Nobody would do so: it shows that the folder is not read. */
	write_file("b/ann/cur/2.a:2,", "x");
	set_times(future);
	open_index();
	ck_assert_uint_eq(run_check(INDEX_COMPARE).sum.missing, 1);
	set_times(future - 1);
	index_close(&index_);
	open_index();
	await_sum(2);
	end();
}
END_TEST

UNIT_MAIN("index", what_is_delivered_is_known,
    what_an_imap_server_does_is_found,
    what_is_moved_while_it_is_read_is_read_again, a_digest_is_never_taken_anew,
    a_digest_goes_with_its_message_into_another_folder,
    a_digest_goes_with_a_folder_that_gets_another_name,
    a_file_of_others_gets_a_digest_where_it_is_read_whole,
    a_digest_is_filled_in_where_there_is_none,
    mailboxes_on_disk_and_in_the_index_are_named_once_and_in_order,
    folders_come_and_go, a_changed_folder_is_noticed_at_the_next_start,
    what_a_crash_kept_from_the_index_is_found_at_the_next_start,
    an_index_that_was_lost_is_made_anew,
    an_index_of_another_version_is_made_anew,
    an_index_that_is_damaged_is_moved_aside,
    an_index_with_a_byte_turned_over_is_made_anew,
    an_index_that_was_cut_is_made_anew,
    what_the_queue_can_not_hold_is_found_by_looking,
    what_was_learnt_before_a_job_is_known_to_it,
    a_rebuild_may_be_killed_at_any_point,
    what_dovecot_has_compressed_is_not_damaged, a_rebuild_gives_the_same_again,
    a_delivery_is_remembered, a_delivery_is_known_though_its_table_is_damaged,
    ten_days_later_a_delivery_is_forgotten,
    an_index_without_one_of_its_tables_is_made_anew,
    a_folder_changed_in_the_future_is_known_to_be_as_it_was)
