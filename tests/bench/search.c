/* SPDX-License-Identifier: ISC */
/*
 * What a search costs in an index of many messages, without the messages.
 *
 *   search DIR fill N [MAILBOXES]  an index of N messages
 *   search DIR ask [CACHE_MIB [QUESTION]]
 *                                  each question, or this one, cold, then warm
 *
 * Cold: neither the index' own cache nor the kernel's has anything of it.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/index_private.h"
#include "store/store.h"
#include "store/store_private.h"

enum { FOLDERS = 5, WARM = 5, FIRST = 1700000000 };

static void
fail(const struct fault *f)
{
	fprintf(stderr, "search: %s\n", f->text);
	exit(1);
}

/* The same index each time. */
static uint64_t
random_number(uint64_t below)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % below;
}

static void
put_subject(struct buf *b)
{
	static const char *const words[] = {"invoice", "Meeting", "notes",
	    "your", "order", "has", "shipped", "Re:", "weekly", "report",
	    "project", "plan", "update", "from", "the", "office", "holiday",
	    "Gr\u00fc\u00dfe", "R\u00fcckfrage", "\u0441\u0447\u0451\u0442",
	    "\u0432\u0441\u0442\u0440\u0435\u0447\u0430"};
	size_t n = 3 + random_number(6);

	buf_reset(b);
	for (size_t i = 0; i < n; i++)
		buf_putf(b, "%s%s", i > 0 ? " " : "",
		    words[random_number(ARRAY_LEN(words))]);
}

struct texts {
	struct buf base, subject, sender, recipients, message_id;
};

static void
make_record(struct texts *t, uint64_t i, struct record *r)
{
	static const char digest[] = "0123456789abcdef0123456789abcdef01234567";
	static const char *const infos[] = {
	    ":2,S", ":2,S", ":2,RS", ":2,FS", ":2,", ""};
	uint64_t size = 2000 + random_number(60000);

	put_subject(&t->subject);
	buf_reset(&t->base);
	buf_reset(&t->sender);
	buf_reset(&t->recipients);
	buf_reset(&t->message_id);
	buf_putf(&t->base,
	    "%llu.M%06lluP12345Q%lluIcrb8ah%010llu.mail.example.org,S=%llu,"
	    "W=%llu",
	    (unsigned long long)(FIRST + i * 60),
	    (unsigned long long)random_number(1000000), (unsigned long long)i,
	    (unsigned long long)i, (unsigned long long)size,
	    (unsigned long long)(size + size / 50));
	buf_putf(&t->sender, "person%llu@company%llu.example",
	    (unsigned long long)random_number(20000),
	    (unsigned long long)random_number(500));
	buf_putf(&t->recipients, "user%llu@example.org, office%llu@example.org",
	    (unsigned long long)random_number(1000),
	    (unsigned long long)random_number(20));
	buf_putf(&t->message_id, "%llu.%llu.JavaMail.app@mx%llu.example.net",
	    (unsigned long long)(FIRST + i * 60), (unsigned long long)i,
	    (unsigned long long)random_number(30));
	*r = (struct record){
	    .place = RECORD_CUR,
	    .stored = (int64_t)(FIRST + i * 60),
	    .date = (int64_t)(FIRST + i * 60 - random_number(300)),
	    .size = size,
	    .wire_size = size + size / 50,
	    .has_attachments = true,
	    .attachments = (uint32_t)random_number(3),
	    .info = str(infos[random_number(ARRAY_LEN(infos))]),
	    .digest = str_n(digest, DIGEST_LEN),
	    .message_id = buf_str(&t->message_id),
	    .subject = buf_str(&t->subject),
	    .sender = buf_str(&t->sender),
	    .recipients = buf_str(&t->recipients),
	};
	if (random_number(10) == 0)
		r->list_id = STR_LIT("announce.lists.example.net");
}

static struct index *
open_index(const char *dir, uint64_t cache)
{
	struct fault f;
	struct index *index = index_open(dir, cache, AT_FDCWD, &f);

	if (index == NULL)
		fail(&f);
	return index;
}

/* As mail comes: to any mailbox, mostly into its inbox. */
static void
fill(const char *dir, uint64_t n, unsigned mailboxes)
{
	static const char *const dirs[FOLDERS] = {
	    "", ".Sent", ".Archive", ".Junk", ".Lists.posthouse"};
	struct index *index = open_index(dir, 256 << 20);
	struct index_folder **folders =
	    mem_zeroed((size_t)mailboxes * FOLDERS, sizeof(*folders));
	struct texts t;
	struct fault f;

	buf_init(&t.base, 400);
	buf_init(&t.subject, 400);
	buf_init(&t.sender, 400);
	buf_init(&t.recipients, 400);
	buf_init(&t.message_id, 400);
	for (uint64_t i = 0; i < n; i++) {
		unsigned mailbox = (unsigned)random_number(mailboxes);
		unsigned which = (unsigned)random_number(2 * FOLDERS);
		struct index_folder **folder;
		struct record r;
		char path[64];

		which = which < FOLDERS ? which : 0;
		folder = &folders[mailbox * FOLDERS + which];
		snprintf(path, sizeof path, "example.org/user%u", mailbox);
		if (*folder == NULL)
			*folder = index_find_folder(index, path, dirs[which]);
		make_record(&t, i, &r);
		if (index_db_put_message(*folder, buf_str(&t.base), &r, &f) < 0)
			fail(&f);
	}
	if (index_db_flush(index, &f) < 0)
		fail(&f);
	for (size_t i = 0; i < (size_t)mailboxes * FOLDERS; i++)
		if (folders[i] != NULL)
			index_folder_release(&folders[i]);
	mem_free(folders);
	buf_clear(&t.base);
	buf_clear(&t.subject);
	buf_clear(&t.sender);
	buf_clear(&t.recipients);
	buf_clear(&t.message_id);
	index_close(&index);
}

/* Has the kernel forget what it has of the index; how many bytes that is. */
static uint64_t
forget_files(const char *dir)
{
	uint64_t bytes = 0;
	struct dirent *e;
	DIR *d = opendir(dir);
	struct stat st;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		int fd = openat(dirfd(d), e->d_name, O_RDONLY);

		if (fd < 0)
			continue;
		fdatasync(fd);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (fstat(fd, &st) == 0 && str_ends(str(e->d_name), str(".db")))
			bytes += (uint64_t)st.st_size;
		close(fd);
	}
	closedir(d);
	return bytes;
}

/* Seconds of the processor, of all threads. */
static double
work(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What is asked. */
enum asked {
	ASKED_MESSAGES,
	ASKED_COUNT,
	ASKED_MAILBOXES, /* "mailbox.list" */
};

static const char *const asked_words[] = {"list", "count", "boxes"};

static json_t *
ask_page(struct store *store, enum asked asked, const json_t *params)
{
	const struct control_method *m = store_methods;
	const char *name =
	    asked == ASKED_MAILBOXES ? "mailbox.list" : "mailbox.search";
	struct fault f;
	json_t *page;

	while (strcmp(m->name, name) != 0)
		m++;
	page = m->call(store, params, &f);
	if (page == NULL)
		fail(&f);
	return page;
}

static uint64_t
count_of(enum asked asked, const json_t *page)
{
	if (asked == ASKED_COUNT)
		return (uint64_t)json_get_int(page, "messages", 0);
	return json_len(json_get(
	    page, asked == ASKED_MAILBOXES ? "mailboxes" : "messages"));
}

/* All pages, as text, as the control socket has them. */
static double
search(struct store *store, const char *question, enum asked asked,
    uint64_t *found, unsigned *pages)
{
	json_t *params, *page;
	double began = now();
	const char *next = "";
	struct fault f;
	struct buf text;

	*found = 0;
	*pages = 0;
	params = json_parse(str(question), &f);
	if (params == NULL)
		fail(&f);
	if (asked == ASKED_COUNT)
		json_put_bool(params, "count", true);
	buf_init(&text, 64 << 20);
	while (next != NULL) {
		page = ask_page(store, asked, params);
		buf_reset(&text);
		json_format(&text, page);
		++*pages;
		*found += count_of(asked, page);
		next = json_get_text(page, "next");
		if (next != NULL)
			json_put_text(params, "after", next);
		json_free(&page);
	}
	buf_clear(&text);
	json_free(&params);
	return now() - began;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
ask_one(const char *dir, uint64_t cache, const char *question, enum asked asked)
{
	double cold, warm[WARM], worked;
	struct store store = {.root = AT_FDCWD};
	uint64_t found, bytes;
	unsigned pages;
	struct fault f;

	bytes = forget_files(dir);
	store.index = open_index(dir, cache);
	if (index_start(store.index, &f) < 0)
		fail(&f);
	cold = search(&store, question, asked, &found, &pages);
	worked = work();
	for (size_t i = 0; i < WARM; i++)
		warm[i] = search(&store, question, asked, &found, &pages);
	worked = (work() - worked) / WARM;
	qsort(warm, WARM, sizeof *warm, compare);
	index_close(&store.index);
	printf("%-44s %-6s %8llu %5u %7.3f %7.3f %7.3f  %llu MB\n", question,
	    asked_words[asked], (unsigned long long)found, pages, cold,
	    warm[WARM / 2], worked, (unsigned long long)bytes / 1000000);
}

static void
ask(const char *dir, uint64_t cache, const char *question)
{
	static const char *const questions[] = {
	    "{\"subject\":\"r\u00dcckfrage weekly report\"}",
	    "{\"subject\":\"holiday office invoice\"}",
	    "{\"from\":\"person17@\"}",
	    "{\"to\":\"user77@\"}",
	    "{\"message_id\":\"1730000000.500000.x@y\"}",
	    "{\"since\":1759990000}",
	    "{\"larger\":61900,\"flags\":[\"flagged\"]}",
	    "{\"id\":\"0123456789abcdef\"}",
	    "{\"mailbox\":\"user77@example.org\",\"subject\":\"plan\"}",
	};

	printf("%-44s %-6s %8s %5s %7s %7s %7s\n", "question", "", "found",
	    "pages", "cold s", "warm s", "cpu s");
	if (question != NULL) {
		ask_one(dir, cache, question, ASKED_MESSAGES);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(questions) - 1; i++)
		ask_one(dir, cache, questions[i], ASKED_MESSAGES);
	ask_one(dir, cache, "{}", ASKED_MAILBOXES);
	ask_one(dir, cache, "{}", ASKED_COUNT);
	ask_one(dir, cache, "{}", ASKED_MESSAGES);
}

int
main(int argc, char **argv)
{
	uint64_t n = 1000000, mailboxes = 1000, cache = 0;

	if (argc < 3)
		return 64;
	if (strcmp(argv[2], "fill") == 0) {
		if (argc > 3 && !str_to_u64(str(argv[3]), 1, 1 << 30, &n))
			return 64;
		if (argc > 4 &&
		    !str_to_u64(str(argv[4]), 1, 1 << 20, &mailboxes))
			return 64;
		fill(argv[1], n, (unsigned)mailboxes);
	} else {
		if (argc > 3 && !str_to_u64(str(argv[3]), 0, 1 << 14, &cache))
			return 64;
		ask(argv[1], cache << 20, argc > 4 ? argv[4] : NULL);
	}
	return 0;
}
