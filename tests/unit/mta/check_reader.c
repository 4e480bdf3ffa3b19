/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/reader.h"

#include <string.h>

#include "tests/unit/mta/maps.h"

static const struct map_entry entries[] = {
    {"recipient", "info@example.org", SOCKETMAP_OK,
	"ann@example.org group:list@example.org jane@far.example"},
    {"recipient", "list@example.org", SOCKETMAP_OK, "group:list@example.org"},
    {"recipient", "closed@example.org", SOCKETMAP_PERM, "5.2.1 closed"},
    {"recipient", "ill@example.org", SOCKETMAP_TEMP, "the database is ill"},
    {"recipient", "odd@example.org", SOCKETMAP_OK, "no-address"},
    {"reverse", "SRS0=x=y=far.example=Jane@example.org", SOCKETMAP_OK,
	"Jane@far.example"},
    {"reverse", "srs1=forged@example.org", SOCKETMAP_PERM, "5.1.1 forged"},
    {"reverse", "plain@example.org", SOCKETMAP_OK, "never@asked.example"},
    {NULL, NULL, SOCKETMAP_OK, NULL},
};

static struct peer directory;
static struct socketmap_client *client;

static void
set_up(void)
{
	struct socketmap_client_conf conf = {.timeout_ms = 10000};
	struct fault f;

	peer_start(&directory, serve_maps, (void *)(uintptr_t)entries);
	ck_assert_int_eq(
	    net_parse(str(directory.address), &conf.address, &f), 0);
	client = socketmap_client_new(&conf);
}

static void
tear_down(void)
{
	socketmap_client_free(&client);
	peer_clear(&directory);
}

/* The readers split by blanks; "temp" where the directory does not say. */
static void
assert_readers(const char *address, const char *want)
{
	struct arena arena = {0};
	struct address a, *readers;
	struct fault f;
	struct buf b;
	size_t n;

	buf_init(&b, 10000);
	ck_assert_int_eq(address_parse(str(address), &a, &f), 0);
	if (reader_find(client, &a, &arena, &readers, &n, &f) < 0) {
		ck_assert_int_eq(f.kind, FAULT_TEMP);
		buf_puts(&b, "temp");
	} else {
		for (size_t i = 0; i < n; i++) {
			if (i > 0)
				buf_putc(&b, ' ');
			address_put(&b, &readers[i], false);
		}
	}
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
	arena_clear(&arena);
}

START_TEST(readers_are_those_behind_an_alias)
{
	set_up();
	assert_readers("Info@Example.org", "ann@example.org jane@far.example");
	tear_down();
}
END_TEST

START_TEST(readers_of_a_rewritten_sender_are_the_sender)
{
	set_up();
	assert_readers(
	    "SRS0=x=y=far.example=Jane@example.org", "Jane@far.example");
	assert_readers("srs1=forged@example.org", "srs1=forged@example.org");
	assert_readers("plain@example.org", "plain@example.org");
	tear_down();
}
END_TEST

START_TEST(readers_are_the_address_where_nothing_else_is_known)
{
	set_up();
	assert_readers("x@far.example", "x@far.example");
	assert_readers("list@example.org", "list@example.org");
	assert_readers("closed@example.org", "closed@example.org");
	assert_readers("odd@example.org", "odd@example.org");
	socketmap_client_free(&client);
	assert_readers("info@example.org", "info@example.org");
	tear_down();
}
END_TEST

START_TEST(readers_wait_for_a_directory_that_is_ill)
{
	set_up();
	assert_readers("ill@example.org", "temp");
	tear_down();
}
END_TEST

UNIT_MAIN("reader", readers_are_those_behind_an_alias,
    readers_of_a_rewritten_sender_are_the_sender,
    readers_are_the_address_where_nothing_else_is_known,
    readers_wait_for_a_directory_that_is_ill)
