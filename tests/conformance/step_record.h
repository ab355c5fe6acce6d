/* SPDX-License-Identifier: MIT */
/*
 * Every eight bytes that were drawn in the runs of a stepping case: a vDSO copies in such units, so half a draw may
 * repeat. Shared by all processes; compared at the end.
 */
#ifndef CONFORM_STEP_RECORD_H
#define CONFORM_STEP_RECORD_H

#include "tap.h"
#include "chacha.h"

#define STEP_CAPACITY	(UINT64_C(8) << 20)
#define STEP_REFERENCE	(UINT64_C(1) << 63)	/* tag of the keystream of an all-zero key */

struct step_word {
	uint64_t word;
	uint64_t tag;		/* which draw of which run: step_tag() */
};

static struct step_record {
	uint64_t used;
	struct step_word word[];
} *step_record;

/* "which draw of which run" in words, and a number that is the same for all draws in like circumstances, below 512. */
static void step_describe(char text[256], uint64_t tag);
static unsigned int step_circumstances(uint64_t tag);

static inline void step_record_begin(void)
{
	step_record = mmap(NULL, sizeof(*step_record) + STEP_CAPACITY * sizeof(struct step_word), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (step_record == MAP_FAILED)
		skip_all("no memory for the record of draws");
}

/* Async-signal-safe, atomic among threads and processes. */
static inline void step_add(const void *bytes, size_t length, uint64_t tag)
{
	uint64_t at = __atomic_fetch_add(&step_record->used, length / 8, __ATOMIC_RELAXED);

	for (size_t i = 0; i < length / 8 && at + i < STEP_CAPACITY; i++) {
		memcpy(&step_record->word[at + i].word, (const char *)bytes + 8 * i, 8);
		step_record->word[at + i].tag = tag;
	}
}

/* The keystream of the zero key, and of the keys that follow from it (the first 32 bytes of two blocks, or the last). */
static inline void step_add_keystream(void)
{
	unsigned char key[32] = { 0 }, block[128];

	for (int i = 0; i < 64; i++) {
		chacha_block(block, key, i);
		step_add(block, 64, STEP_REFERENCE);
	}
	for (int last = 0; last < 2; last++) {
		memset(key, 0, sizeof(key));
		for (int i = 0; i < 16; i++) {
			chacha_block(block, key, 0);
			chacha_block(block + 64, key, 1);
			step_add(block, 128, STEP_REFERENCE);
			memcpy(key, block + (last ? 96 : 0), 32);
		}
	}
}

static int step_by_word(const void *a, const void *b)
{
	const struct step_word *x = a, *y = b;

	return x->word < y->word ? -1 : x->word > y->word;
}

/* A word that is zero, or the same as the one before it: say so, but not more than twice for like circumstances. */
static inline void step_complain(const struct step_word *here)
{
	static unsigned char complaints[512];
	static uint64_t last_run;
	const struct step_word *again = here - 1;
	char text[256];

	if (here->tag & STEP_REFERENCE) {
		again = here;
		here--;
	}
	if (here->tag >> 32 == last_run || complaints[step_circumstances(here->tag)] == 2)
		return;
	complaints[step_circumstances(here->tag)]++;
	last_run = here->tag >> 32;
	step_describe(text, here->tag);
	note("%s: %s", here->word ? "repeat" : "zeros", text);
	if (here->word) {
		step_describe(text, again->tag);
		note("   and: %s", text);
	}
}

/* A test point: no eight bytes came out twice in all runs of the case, none as zeros, none from an all-zero key. */
static inline void step_compare(const char *promise)
{
	uint64_t drawn = step_record->used, bad = 0;

	if (!expect(drawn + 20000 < STEP_CAPACITY, "the record has room for %llu draws", (unsigned long long)drawn / 2))
		return;
	step_add_keystream();
	qsort(step_record->word, step_record->used, sizeof(step_record->word[0]), step_by_word);
	for (uint64_t i = 0; i < step_record->used; i++) {
		const struct step_word *here = &step_record->word[i];

		if (here->word && (!i || here->word != here[-1].word || here->tag & here[-1].tag & STEP_REFERENCE))
			continue;
		bad++;
		step_complain(here);
	}
	if (bad)
		note("%llu words of 8 bytes are zeros or repeats", (unsigned long long)bad);
	check(!bad && drawn, "%s: %llu draws, no repeat, no zeros, no all-zero key", promise, (unsigned long long)drawn / 2);
}

#endif
