/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/password.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tests/unit/unit.h"

static const struct {
	const char *text;
	size_t len;
	bool good;
} passwords[] = {
    {"12345678", 8, true},
    {"1234567", 7, false},
    {"", 0, false},
    {"correct horse", 13, true},
    {"p\xc3\xa4ssw\xc3\xb6rt", 10, true},
    {"1234567\0", 8, false},
    {"1234\0 5678", 10, false},
    {"12345678\n", 9, false},
    {"1234\t5678", 9, false},
    {"12345678\x7f", 9, false},
};

START_TEST(password_check_bounds_length_and_characters)
{
	char text[PASSWORD_MAX + 1];
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
		struct str p = str_n(passwords[i].text, passwords[i].len);
		int rc = password_check(p, &f);

		ck_assert_msg(rc == (passwords[i].good ? 0 : -1), "\"%s\"",
		    passwords[i].text);
		if (rc < 0)
			ck_assert_int_eq(f.kind, FAULT_PERM);
	}
	memset(text, 'x', sizeof text);
	ck_assert_int_eq(password_check(str_n(text, PASSWORD_MAX), &f), 0);
	ck_assert_int_eq(password_check(str_n(text, PASSWORD_MAX + 1), &f), -1);
}
END_TEST

static void
hash_of(struct str password, char hash[PASSWORD_HASH_SIZE])
{
	struct fault f = {.text = ""};
	int rc = password_hash(password, hash, &f);

	ck_assert_msg(rc == 0, "%s", f.text);
}

START_TEST(password_verify_knows_its_own_hash)
{
	char hash[PASSWORD_HASH_SIZE], other[PASSWORD_HASH_SIZE];
	struct str password = STR_LIT("correct horse");
	struct fault f;

	hash_of(password, hash);
	hash_of(password, other);
	ck_assert_str_ne(hash, other);
	ck_assert(strncmp(hash, "$y$", 3) == 0);
	ck_assert(password_is_hash(hash));
	ck_assert_int_eq(password_verify(password, hash, &f), 1);
	ck_assert_int_eq(password_verify(password, other, &f), 1);
	ck_assert_int_eq(password_verify(STR_LIT("correct hors"), hash, &f), 0);
	ck_assert_int_eq(
	    password_verify(STR_LIT("Correct horse"), hash, &f), 0);
	ck_assert_int_eq(
	    password_verify(STR_LIT("correct horse\0"), hash, &f), 0);
	ck_assert_int_eq(password_verify(str(""), hash, &f), 0);
}
END_TEST

START_TEST(password_verify_tells_long_passwords_apart)
{
	char a[PASSWORD_MAX], b[PASSWORD_MAX], hash[PASSWORD_HASH_SIZE];
	struct fault f;

	memset(a, 'x', sizeof a);
	memset(b, 'x', sizeof b);
	b[sizeof b - 1] = 'y';
	hash_of(str_n(a, sizeof a), hash);
	ck_assert_int_eq(password_verify(str_n(a, sizeof a), hash, &f), 1);
	ck_assert_int_eq(password_verify(str_n(b, sizeof b), hash, &f), 0);
	ck_assert_int_eq(password_verify(str_n(a, sizeof a - 1), hash, &f), 0);
	ck_assert_int_eq(password_verify(str_n(a, 511), hash, &f), 0);
	hash_of(str_n(a, 511), hash);
	ck_assert_int_eq(password_verify(str_n(a, 511), hash, &f), 1);
	ck_assert_int_eq(password_verify(str_n(a, 512), hash, &f), 0);
}
END_TEST

static const char *const nonsense[] = {
    NULL,
    "",
    "*",
    "!",
    "x",
    "$y$",
    "$y$j9T$",
    "$y$j9T$k2XAnEHBqQ1Ct2aMXFKNa/",
    "correct horse",
    "rqXexS6ZhobKA", /* DES */
    "$9$abcdefghijklmnopqrstuvwxyz",
};

START_TEST(password_verify_finds_nothing_right_without_a_hash)
{
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
		ck_assert_msg(password_verify(STR_LIT("correct horse"),
				  nonsense[i], &f) == 0,
		    "%s", nonsense[i]);
	ck_assert_int_eq(password_verify(STR_LIT("nobody"), NULL, &f), 0);
}
END_TEST

START_TEST(password_is_hash_knows_the_methods_of_crypt)
{
	ck_assert(password_is_hash(
	    "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"));
	ck_assert(password_is_hash(
	    "$2b$10$CwTycUXWue0Thq9StjUM0uJ8E6H0UyX1Q3uYH8C5lZ0a3o8Yh7l7W"));
	ck_assert(!password_is_hash("rqXexS6ZhobKA"));
	ck_assert(!password_is_hash("plain password that is long"));
	ck_assert(!password_is_hash("*"));
	ck_assert(!password_is_hash(""));
}
END_TEST

/* As openssl-passwd(1) makes it. */
START_TEST(password_verify_knows_hashes_of_other_methods)
{
	struct fault f;
	const char *hash =
	    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";

	ck_assert_int_eq(password_verify(STR_LIT("Hello world!"), hash, &f), 1);
	ck_assert_int_eq(password_verify(STR_LIT("Hello world?"), hash, &f), 0);
}
END_TEST

static double
cpu_of_verify(const char *hash)
{
	struct timespec a, b;
	struct fault f;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    password_verify(STR_LIT("wrong horse"), hash, &f), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) +
	       (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

START_TEST(password_verify_works_as_hard_for_nobody)
{
	char hash[PASSWORD_HASH_SIZE];
	double with, without;

	hash_of(STR_LIT("correct horse"), hash);
	(void)cpu_of_verify(NULL);
	with = cpu_of_verify(hash);
	without = cpu_of_verify(NULL);
	/* One of them for nothing would be a thousandth. */
	ck_assert_msg(with < 3 * without && without < 3 * with,
	    "with a hash %f s, without %f s", with, without);
}
END_TEST

static atomic_int right, busy;

static void *
verify_in_thread(void *hash)
{
	struct fault f = {.text = ""};
	int rc = password_verify(STR_LIT("correct horse"), hash, &f);

	if (rc == 1) {
		atomic_fetch_add(&right, 1);
	} else if (rc == -1 && f.kind == FAULT_TEMP &&
		   str_is(str(f.dsn), STR_LIT("4.3.2"))) {
		atomic_fetch_add(&busy, 1);
	}
	return NULL;
}

START_TEST(password_verify_bounds_who_waits)
{
	enum { THREADS = 24 };
	pthread_t threads[THREADS];
	char hash[PASSWORD_HASH_SIZE];

	hash_of(STR_LIT("correct horse"), hash);
	password_set_limits(1, 4);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, verify_in_thread, hash),
		    0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* Each was served or turned away, and some of both. */
	ck_assert_int_eq(right + busy, THREADS);
	ck_assert_int_ge(right, 5);
	ck_assert_int_ge(busy, 1);
	ck_assert_ptr_null(verify_in_thread(hash));
	ck_assert_int_eq(right + busy, THREADS + 1);
}
END_TEST

UNIT_MAIN("password", password_check_bounds_length_and_characters,
    password_verify_knows_its_own_hash,
    password_verify_tells_long_passwords_apart,
    password_verify_finds_nothing_right_without_a_hash,
    password_is_hash_knows_the_methods_of_crypt,
    password_verify_knows_hashes_of_other_methods,
    password_verify_works_as_hard_for_nobody, password_verify_bounds_who_waits)
