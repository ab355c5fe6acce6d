/* SPDX-License-Identifier: MIT */
/*
 * The process record of the preloaded library, as a program sees its own: what include/vgetrandom.h
 * promises, checked while it is read. Include draws.h and libc.h first.
 */
#ifndef NATIVE_RECORD_H
#define NATIVE_RECORD_H

#include "tap.h"
#include <dlfcn.h>

#include <vgetrandom.h>

#define FIRST_STAMP 16	/* shim/core/slots.h: numbers below are words, none is in a tail */

static const struct vgetrandom_process *record;

/* Find the record; end the test when there is none, for then nothing here means anything. */
static inline void record_find(void)
{
	record = dlsym(RTLD_DEFAULT, "vgetrandom_process");
	if (!record || record->magic != VGETRANDOM_MAGIC || record->version != VGETRANDOM_RECORD_VERSION) {
		tap_line("", "Bail out! the library is not preloaded, or its record is not what it should be");
		_exit(1);
	}
}

/* How many slots have been given, of record->slots. */
static inline uint32_t slots_used(void)
{
	uint32_t used = __atomic_load_n((uint32_t *)(uintptr_t)record->used, __ATOMIC_ACQUIRE);

	return used < record->slots ? used : record->slots;
}

static inline uint64_t home_of(uint32_t slot)
{
	return ((const struct vgetrandom_slot *)(uintptr_t)record->slot)[slot].home;
}

static inline unsigned char *state_of(uint32_t slot)
{
	uint32_t a_page = record->page_size / record->state_stride;

	return (unsigned char *)(uintptr_t)record->states + slot / a_page * (size_t)record->page_size +
	       slot % a_page * record->state_stride;
}

static inline volatile struct vgetrandom_tail *tail_of(uint32_t slot)
{
	return (volatile struct vgetrandom_tail *)(state_of(slot) + record->state_size);
}

struct totals {
	uint64_t calls, bytes;
};

/* What the vDSO has served in this process. */
static inline struct totals totals_now(void)
{
	struct totals totals = { 0, 0 };

	for (uint32_t i = 0; i < slots_used(); i++) {
		totals.calls += tail_of(i)->calls;
		totals.bytes += tail_of(i)->bytes;
	}
	return totals;
}

static inline uint64_t calls_served(void)
{
	return totals_now().calls;
}

/* The youngest stamp in this process, or 0. */
static inline uint64_t stamps_youngest(void)
{
	uint64_t youngest = 0;

	for (uint32_t i = 0; i < slots_used(); i++)
		if (tail_of(i)->stamp > youngest)
			youngest = tail_of(i)->stamp;
	return youngest;
}

#define NO_SLOT UINT32_MAX

/* The slot whose calls are one more than they were in `before`, of `used` slots then; NO_SLOT when there is none. */
static inline uint32_t slot_that_served(const uint64_t *before, uint32_t used)
{
	for (uint32_t i = 0; i < slots_used(); i++)
		if (tail_of(i)->calls == (i < used ? before[i] : 0) + 1)
			return i;
	return NO_SLOT;
}

/* Draw 16 bytes while nobody else in this process draws. Returns the slot that served; NO_SLOT: the system call did. */
static inline uint32_t draw_and_tell(struct draws *draws, uint64_t who)
{
	uint32_t used = slots_used(), slot;
	uint64_t *before = calloc(used + 1, sizeof(*before));
	unsigned char bytes[16];

	for (uint32_t i = 0; i < used; i++)
		before[i] = tail_of(i)->calls;
	if (draw(bytes, sizeof(bytes)))
		draws_add(draws, bytes, sizeof(bytes), who);
	slot = slot_that_served(before, used);
	free(before);
	return slot;
}

static inline int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Test points: none of `count` numbers is there twice. Zeros are left out. Sorts them. */
static inline void numbers_distinct(uint64_t *numbers, uint64_t count, const char *what)
{
	qsort(numbers, count, sizeof(*numbers), compare_numbers);
	for (uint64_t i = 1; i < count; i++)
		expect(!numbers[i] || numbers[i] != numbers[i - 1], "%s: %#llx is there once", what,
		       (unsigned long long)numbers[i]);
}

/* Test points: what holds of all slots while nobody draws. */
static inline void record_consistent(const char *when)
{
	uint32_t used = slots_used(), i;
	uint64_t *homes = calloc(used + 1, sizeof(*homes)), *stamps = calloc(used + 1, sizeof(*stamps));

	for (i = 0; i < used; i++) {
		uintptr_t state = (uintptr_t)state_of(i);

		homes[i] = home_of(i);
		stamps[i] = tail_of(i)->stamp;
		expect(homes[i] != 0, "%s: slot %u has a home", when, i);
		expect(state % 64 == 0, "%s: state %u begins a cache line", when, i);
		expect(state % record->page_size + record->state_stride <= record->page_size, "%s: state %u lies in one page", when,
		       i);
		expect(!stamps[i] || stamps[i] >= FIRST_STAMP, "%s: stamp %llu is no word", when, (unsigned long long)stamps[i]);
		expect(tail_of(i)->begun == tail_of(i)->calls, "%s: nobody is inside slot %u", when, i);
	}
	numbers_distinct(homes, used, "homes");
	numbers_distinct(stamps, used, "stamps");
	free(homes);
	free(stamps);
}

#endif
