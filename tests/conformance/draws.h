/* SPDX-License-Identifier: MIT */
/*
 * A record of everything that was drawn, shared by all threads, handlers and forked children of a case,
 * and the question that matters most: did any 16 bytes come out twice, or as zeros, or as what a ChaCha20
 * generator with an all-zero key would give?
 */
#ifndef CONFORM_DRAWS_H
#define CONFORM_DRAWS_H

#include "tap.h"
#include "chacha.h"

#define DRAWS_KEYSTREAM		(UINT64_C(1) << 63)	/* tag of reference entries */

struct drawing {
	unsigned char bytes[16];
	uint64_t tag;			/* who drew it: whatever helps the reader of a failure */
};

struct draws {
	uint64_t used;			/* entries; grows beyond capacity when too many were added */
	uint64_t capacity;
	struct drawing entry[];
};

/* Room for so many pieces of 16 bytes, plus the reference; address space only until used. */
static inline struct draws *draws_new(uint64_t capacity)
{
	struct draws *draws;

	capacity += 16384;
	draws = mmap(NULL, sizeof(*draws) + capacity * sizeof(draws->entry[0]), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (draws == MAP_FAILED) {
		tap_line("", "Bail out! no memory for the record of draws");
		exit(1);
	}
	draws->capacity = capacity;
	return draws;
}

/* Record one draw of a multiple of 16 bytes. Async-signal-safe, atomic among threads and processes. */
static inline void draws_add(struct draws *draws, const void *bytes, size_t length, uint64_t tag)
{
	uint64_t at = __atomic_fetch_add(&draws->used, length / 16, __ATOMIC_RELAXED);
	size_t i;

	for (i = 0; i < length / 16 && at + i < draws->capacity; i++) {
		memcpy(draws->entry[at + i].bytes, (const char *)bytes + 16 * i, 16);
		draws->entry[at + i].tag = tag;
	}
}

/*
 * What a vDSO state that was wiped at a wrong moment would give: the keystream of the zero key, and the
 * keys that follow from it when each refill (two blocks) takes its last 32 bytes as the next key
 * (lib/vdso/getrandom.c).
 */
static inline void draws_add_keystream(struct draws *draws)
{
	unsigned char key[32] = { 0 }, block[128];
	uint64_t i;

	for (i = 0; i < 1024; i++) {
		chacha_block(block, key, i);
		draws_add(draws, block, 64, DRAWS_KEYSTREAM | i);
	}
	for (i = 0; i < 1024; i++) {
		chacha_block(block, key, 0);
		chacha_block(block + 64, key, 1);
		if (i)	/* the first refill is the start of the keystream above */
			draws_add(draws, block, 128, DRAWS_KEYSTREAM | i << 32);
		memcpy(key, block + 96, 32);
	}
}

static inline void draws_swap(struct drawing *a, struct drawing *b)
{
	struct drawing kept = *a;

	*a = *b;
	*b = kept;
}

/* Sort by bytes: in place, by one byte at a time (American flag sort), short runs by insertion. */
static inline void draws_sort(struct drawing *entry, uint64_t count, unsigned int byte)
{
	uint64_t next[256] = { 0 }, end[256], i, j, sum = 0;

	if (count <= 32) {
		for (i = 1; i < count; i++)
			for (j = i; j && memcmp(entry[j].bytes, entry[j - 1].bytes, 16) < 0; j--)
				draws_swap(&entry[j], &entry[j - 1]);
		return;
	}
	for (i = 0; i < count; i++)
		next[entry[i].bytes[byte]]++;
	for (i = 0; i < 256; i++) {
		sum += next[i];
		next[i] = sum - next[i];
		end[i] = sum;
	}
	for (i = 0; i < 256; i++) {
		while (next[i] < end[i]) {
			unsigned char value = entry[next[i]].bytes[byte];

			if (value == i)
				next[i]++;
			else
				draws_swap(&entry[next[i]], &entry[next[value]++]);
		}
	}
	for (i = 0; byte < 15 && i < 256; i++) {
		sum = i ? end[i - 1] : 0;
		draws_sort(entry + sum, end[i] - sum, byte + 1);
	}
}

static inline void draws_name(char name[48], uint64_t tag)
{
	if (tag & DRAWS_KEYSTREAM)
		snprintf(name, 48, "the keystream of an all-zero key");
	else
		snprintf(name, 48, "draw %#llx", (unsigned long long)tag);
}

/*
 * A test point: every draw was recorded, and all are distinct, not zero, not from an all-zero key.
 * Sorts the record, so call it when all drawing has ended. Returns whether all is well.
 */
static inline bool outputs_distinct(struct draws *draws, const char *what)
{
	static const unsigned char zeros[16];
	uint64_t i, drawn = draws->used, bad = 0;
	char first[48], second[48];

	if (!expect(drawn <= draws->capacity - 16384, "%s: the record has room for all %llu pieces", what,
		    (unsigned long long)drawn))
		return false;
	draws_add_keystream(draws);
	draws_sort(draws->entry, draws->used, 0);
	for (i = 0; i < draws->used; i++) {
		struct drawing *entry = &draws->entry[i];

		draws_name(first, entry->tag);
		if (memcmp(entry->bytes, zeros, 16) == 0 && bad++ < 10)
			note("%s is all zeros", first);
		if (i && memcmp(entry->bytes, entry[-1].bytes, 16) == 0 && bad++ < 10) {
			draws_name(second, entry[-1].tag);
			note("%s repeats %s", first, second);
		}
	}
	return check(!bad && drawn, "%s: %llu pieces of 16 bytes, no repeat, no zeros, no all-zero key", what,
		     (unsigned long long)drawn);
}

#endif
