/* SPDX-License-Identifier: ISC */
/*
 * An array of entries, a hash table of their numbers, and a list of them by
 * age. Number 0 is nobody. Memory that was never used is never touched.
 */
#include "config.h"

#include "auth/tally.h"

#include <string.h>

#include "base/mem.h"

struct tally {
	uint32_t max, used;
	uint32_t oldest, newest;
	uint32_t *buckets; /* max + 1 of them */
	struct tally_entry *entries;
};

struct tally *
tally_new(uint32_t max)
{
	struct tally *t = mem_new(struct tally);

	t->max = max;
	t->buckets = mem_zeroed((size_t)max + 1, sizeof *t->buckets);
	t->entries = mem_zeroed((size_t)max + 1, sizeof *t->entries);
	return t;
}

void
tally_free(struct tally **tally)
{
	if (*tally == NULL)
		return;
	mem_free((*tally)->buckets);
	mem_free((*tally)->entries);
	mem_free(*tally);
	*tally = NULL;
}

static uint32_t *
bucket(struct tally *t, const uint8_t key[TALLY_KEY])
{
	uint64_t n;

	memcpy(&n, key, sizeof n);
	return &t->buckets[n % ((uint64_t)t->max + 1)];
}

static uint32_t
find(struct tally *t, const uint8_t key[TALLY_KEY])
{
	uint32_t i = *bucket(t, key);

	while (i != 0 && memcmp(t->entries[i].key, key, TALLY_KEY) != 0)
		i = t->entries[i].next;
	return i;
}

static void
take_from_list(struct tally *t, uint32_t i)
{
	const struct tally_entry *e = &t->entries[i];

	*(e->older != 0 ? &t->entries[e->older].newer : &t->oldest) = e->newer;
	*(e->newer != 0 ? &t->entries[e->newer].older : &t->newest) = e->older;
}

static void
put_newest(struct tally *t, uint32_t i)
{
	struct tally_entry *e = &t->entries[i];

	e->newer = 0;
	e->older = t->newest;
	*(t->newest != 0 ? &t->entries[t->newest].newer : &t->oldest) = i;
	t->newest = i;
}

static void
take_from_bucket(struct tally *t, uint32_t i)
{
	uint32_t *at = bucket(t, t->entries[i].key);

	while (*at != i)
		at = &t->entries[*at].next;
	*at = t->entries[i].next;
}

/* An entry that is in neither bucket nor list. */
static uint32_t
find_room(struct tally *t)
{
	uint32_t i = t->oldest;

	if (t->used < t->max)
		return ++t->used;
	take_from_bucket(t, i);
	take_from_list(t, i);
	memset(&t->entries[i], 0, sizeof t->entries[i]);
	return i;
}

struct tally_entry *
tally_find(struct tally *t, const uint8_t key[TALLY_KEY])
{
	uint32_t i = find(t, key);

	return i == 0 ? NULL : &t->entries[i];
}

struct tally_entry *
tally_touch(struct tally *t, const uint8_t key[TALLY_KEY])
{
	uint32_t i = find(t, key), *at;

	if (i != 0) {
		take_from_list(t, i);
	} else {
		i = find_room(t);
		memcpy(t->entries[i].key, key, TALLY_KEY);
		at = bucket(t, key);
		t->entries[i].next = *at;
		*at = i;
	}
	put_newest(t, i);
	return &t->entries[i];
}
