/* SPDX-License-Identifier: MIT */
/*
 * A library that is nothing but a process record, to be taken for the real one: what STANDIN says, words between
 * commas.
 *	old		the record is of version 1
 *	early		the constructor has written nothing
 *	ordinary	the states are in memory that a fork copies, as after a restore by CRIU older than 4.2
 *	wiped		in ordinary memory that a fork wipes
 *	locked		as `wiped`, and the record says that VGETRANDOM=lock was granted
 * Three slots of ten were given: 7 and 5 calls, and one whose page was dropped.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vgetrandom.h>

#define STATE 144
#define STRIDE 192
#define SLOTS 10

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif

struct vgetrandom_process vgetrandom_process;
static struct vgetrandom_slot given[SLOTS];
static uint32_t used = 3, vector;

static int says(const char *word)
{
	const char *words = getenv("STANDIN");

	return words && strstr(words, word);
}

static unsigned char *map_states(void)
{
	int ordinary = says("ordinary") || says("wiped") || says("locked");
	int flags = MAP_ANONYMOUS | (ordinary ? MAP_PRIVATE : MAP_DROPPABLE);
	unsigned char *states = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (states == MAP_FAILED)
		abort();
	if (ordinary && !says("ordinary") && madvise(states, 4096, MADV_WIPEONFORK))
		abort();
	return states;
}

static void count(unsigned char *states, int slot, uint64_t calls)
{
	struct vgetrandom_tail *tail = (void *)(states + slot * STRIDE + STATE);

	*tail = (struct vgetrandom_tail){ .stamp = 16 + (uint64_t)slot, .begun = calls, .calls = calls, .bytes = 16 * calls };
}

__attribute__((constructor)) static void load(void)
{
	struct vgetrandom_process *record = &vgetrandom_process;
	unsigned char *states = map_states();

	if (says("early"))
		return;
	count(states, 0, 7);
	count(states, 2, 5);
	*record = (struct vgetrandom_process){
		.magic = VGETRANDOM_MAGIC,
		.version = says("old") ? 1 : VGETRANDOM_RECORD_VERSION,
		.size = sizeof(*record),
		.status = VGETRANDOM_ACTIVE,
		.memory = says("locked") ? VGETRANDOM_MEMORY_LOCKED : VGETRANDOM_MEMORY_DROPPABLE,
		.release = "9.8.7",
		.states = (uintptr_t)states,
		.state_size = STATE,
		.state_stride = STRIDE,
		.page_size = 4096,
		.slot = (uintptr_t)given,
		.used = (uintptr_t)&used,
		.vector = (uintptr_t)&vector,
		.slots = SLOTS,
	};
}
