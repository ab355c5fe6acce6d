/* SPDX-License-Identifier: MIT */
/*
 * When all slots are given, whoever has none uses the system call and everybody else goes on: in threads, in a forked
 * child of a thread that has one or has none, in that child's own threads, and after threads have ended.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"
#include "places.h"

#define DRAWS	3
#define BEYOND	4	/* places without a slot */

static struct draws *draws;

static void *draw_some(void *who)
{
	unsigned char bytes[16];

	for (int i = 0; i < DRAWS; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)who);
	}
	return NULL;
}

/* Test point: of a thread's draws at this place so many come from the vDSO. */
static void draws_at(size_t place, uint64_t who, uint64_t served, const char *what)
{
	uint64_t before = calls_served();

	place_run(place, draw_some, (void *)(uintptr_t)who);
	check(calls_served() == before + served, "%s: %llu of %d draws from the vDSO, not %llu", what, (unsigned long long)served,
	      DRAWS, (unsigned long long)(calls_served() - before));
}

static void *fork_and_draw(void *argument)
{
	bool has_slot = argument != NULL;
	uint64_t before, forker;
	pid_t child;

	draw_some((void *)0x100);
	child = fork();
	if (!child) {
		check(calls_served() == 0, "a child begins with no calls");
		draw_some((void *)0x200);
		check(calls_served() == (has_slot ? DRAWS : 0), "the survivor %s", has_slot ? "has its slot" : "has none");
		draws_at((size_t)record->slots + 1, 0x300, 0, "a child's thread without a slot");
		draws_at(10, 0x400, DRAWS - 1, "a child's thread where one of the parent's was");
		_exit(0);
	}
	wait_ok(child, "the child");
	before = calls_served();
	draw_some((void *)0x500);
	forker = calls_served() - before;
	check(forker == (has_slot ? DRAWS : 0), "the parent's thread draws on as before");
	return NULL;
}

int main(void)
{
	uint32_t slots;

	case_begin("without a slot left the system call serves", 110);
	libc_needs(getrandom);
	record_find();
	slots = record->slots;
	draws = draws_new((uint64_t)(slots + 1000) * DRAWS);
	places_make(slots + BEYOND);
	draw_some((void *)1);
	for (uint32_t i = 0; i < slots - 1; i++) {
		place_run(i, draw_some, (void *)(uintptr_t)(0x10000 + i));
		place_forget(i);
	}
	check(slots_used() == slots, "all %u slots are given: %u", slots, slots_used());
	check(calls_served() == (uint64_t)slots * (DRAWS - 1), "and each served: %llu calls", (unsigned long long)calls_served());
	record_consistent("when all are given");
	for (size_t i = 0; i < BEYOND; i++)
		draws_at(slots + i, 2 + i, 0, "a thread too many");
	draws_at(slots, 7, 0, "another one where it was");
	draws_at(0, 8, DRAWS, "a thread where one had a slot");
	place_run(slots, fork_and_draw, NULL);
	place_run(1, fork_and_draw, (void *)1);
	check(slots_used() == slots, "still %u", slots_used());
	record_consistent("at the end");
	outputs_distinct(draws, "of all threads and processes");
	return case_end();
}
