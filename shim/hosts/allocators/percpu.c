/* SPDX-License-Identifier: MIT */
/*
 * A state for each processor. What must stay true: between allocator_take() and allocator_put() the word `owner` beside a
 * state holds the address of the record of the one thread that uses it.
 *
 * The processor says only where to look first. A thread can be preempted within a draw and the next one on this processor
 * draws too; or it can be moved, and goes on elsewhere with the state that it has. So a state is taken by compare-and-swap,
 * and who finds it taken looks at the next ones. A restartable sequence, rseq(2), can't do that in its place: it may hold
 * no call, so the vDSO's function would have to be outside of it. What rseq gives is the number of the processor, without
 * a call: platform_processor() reads it where the libc has registered an area.
 *
 * A thread that ends within a draw leaves the word behind; a later one whose record is at the same address takes the state
 * over. In a child all words but the forking thread's are of threads that are not there.
 */
#include "allocator.h"

#define STATES 1024	/* processors beyond share these */
#define ATTEMPTS 4	/* states to look at before the system call is made: as many threads can be in the middle of a draw */

/* Ordinary memory; a line each, because each processor writes its own at every draw. */
static struct owner {
	uint64_t home;		/* address of the record of the thread that has the state; 0: nobody's */
} __attribute__((aligned(64))) owners[STATES];

static uint32_t used;		/* states beyond were never taken */

static bool take(uint32_t number)
{
	uint64_t home = (uintptr_t)&core_thread, found = 0;
	uint32_t before = __atomic_load_n(&used, __ATOMIC_RELAXED);

	while (before <= number &&
	       !__atomic_compare_exchange_n(&used, &before, number + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	core_thread.tail = states_tail(core.states, number);
	core_thread.number = number;
	/* Partner: the release in allocator_put(). */
	if (__atomic_compare_exchange_n(&owners[number].home, &found, home, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;
	if (found != home)
		return false;
	states_clear(core_thread.tail);
	return true;
}

bool allocator_take(void)
{
	uint32_t processor = platform_processor();

	for (uint32_t i = 0; i < ATTEMPTS; i++)
		if (take((processor + i) % STATES))
			return true;
	return false;
}

void allocator_put(void)
{
	/* Partner: the acquire in take(). */
	__atomic_store_n(&owners[core_thread.number].home, 0, __ATOMIC_RELEASE);
}

size_t allocator_size(void)
{
	return states_size(STATES);
}

void allocator_fork(int when)
{
	if (when > 0)
		for (uint32_t number = 0; number < used; number++)
			if (owners[number].home != (uintptr_t)&core_thread)
				owners[number].home = 0;
}
