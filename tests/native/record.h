/* SPDX-License-Identifier: MIT */
/*
 * The process record of the preloaded library, as a program sees its own: what include/vgetrandom.h
 * promises, checked while it is read. Include tap.h first.
 */
#ifndef NATIVE_RECORD_H
#define NATIVE_RECORD_H

#include "tap.h"
#include <dlfcn.h>

#include <vgetrandom.h>

static const struct vgetrandom_process *record;

#define record_slots ((struct vgetrandom_slots *)(uintptr_t)record->slots)
#define record_epoch ((struct vgetrandom_epoch *)(uintptr_t)record->epoch)

/* Find the record; end the test when there is none, for then nothing here means anything. */
static inline void record_find(void)
{
	record = dlsym(RTLD_DEFAULT, "vgetrandom_process");
	if (!record || record->magic != VGETRANDOM_MAGIC || record->version != VGETRANDOM_RECORD_VERSION) {
		tap_line("", "Bail out! the library is not preloaded, or its record is not what it should be");
		_exit(1);
	}
}

static inline uint64_t slots_in_block(uint64_t block)
{
	return block ? (uint64_t)16 << (block - 1) : 16;
}

static inline uint64_t slots_total(void)
{
	return record_slots->blocks ? (uint64_t)16 << (record_slots->blocks - 1) : 0;
}

/* Slot `index` of all, walking the blocks. */
static inline struct vgetrandom_slot *slot_number(uint64_t index)
{
	uint64_t block = 0;

	for (; index >= slots_in_block(block); block++)
		index -= slots_in_block(block);
	return (struct vgetrandom_slot *)(uintptr_t)record_slots->block[block] + index;
}

static inline uint64_t claim_of(uint64_t word)
{
	return word >> VGETRANDOM_TID_BITS;
}

static inline pid_t id_of(uint64_t word)
{
	return (pid_t)(word & ((UINT64_C(1) << VGETRANDOM_TID_BITS) - 1));
}

/* Whether a slot was claimed in this epoch. A process without an epoch, a child that has not drawn twice, has claimed none. */
static inline bool slot_is_ours(uint64_t index)
{
	return record_epoch->word && claim_of(slot_number(index)->owner) > claim_of(record_epoch->word);
}

/* How many slots were claimed in this epoch. */
static inline uint64_t slots_claimed(void)
{
	uint64_t claimed = 0;

	for (uint64_t i = 0; i < slots_total(); i++)
		claimed += slot_is_ours(i);
	return claimed;
}

/* Calls that the vDSO served in this process. */
static inline uint64_t calls_served(void)
{
	uint64_t calls = 0;

	for (uint64_t i = 0; i < slots_total(); i++)
		if (slot_is_ours(i))
			calls += slot_number(i)->calls;
	return calls;
}

static inline int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Test points: what holds of all slots at any time. */
static inline void record_consistent(const char *when)
{
	uint64_t total = slots_total(), *states = calloc(total, sizeof(*states)), i;

	for (i = 0; i < total; i++) {
		struct vgetrandom_slot *slot = slot_number(i);
		uint64_t offset = slot->state % record->page_size;

		states[i] = slot->state;
		expect((uintptr_t)slot % 64 == 0, "%s: slot %llu has a cache line to itself", when, (unsigned long long)i);
		expect(offset + record->state_size <= record->page_size, "%s: state %llu lies in one page", when,
		       (unsigned long long)i);
		expect(slot->state % 64 == 0, "%s: state %llu begins a cache line", when, (unsigned long long)i);
		expect(claim_of(slot->owner) < record_slots->claims, "%s: claim %llu was drawn", when,
		       (unsigned long long)claim_of(slot->owner));
	}
	qsort(states, total, sizeof(*states), compare_numbers);
	for (i = 1; i < total; i++)
		expect(states[i] - states[i - 1] >= record->state_size, "%s: states %#llx and %#llx are apart", when,
		       (unsigned long long)states[i - 1], (unsigned long long)states[i]);
	free(states);
}

#endif
