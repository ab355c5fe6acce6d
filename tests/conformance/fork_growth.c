/* SPDX-License-Identifier: MIT */
/*
 * Along a chain of forks, each of a process with many threads that have drawn or are in the middle of a draw, what these
 * threads had is used again in the child: memory for states does not grow from generation to generation, and where a
 * warm draw needs no system call, none is needed by the last generation's threads.
 *
 * Source: fork(2): the child has only the thread that forked, and all memory; what prefork servers rely on
 * Kind: quality
 */
#include "family.h"
#include "sandbox.h"
#include "stall.h"
#include "warm.h"

#define THREADS		16	/* of each generation; half of them are in a draw when it forks */
#define GROWTH		12	/* pages that may come on top of twice what the first generation had */

static struct growth {
	unsigned long first, last;	/* bytes of droppable memory, of generations with threads alive */
	uint32_t asked, slowed;		/* threads of the last generation; those that needed a system call */
} *growth;

static int generations, first_stall;

static unsigned long droppable(void)
{
	static struct mapping found[4096];
	unsigned int count = mappings_find("self", "dp", found, sizeof(found) / sizeof(found[0]));
	unsigned long bytes = 0;

	for (unsigned int i = 0; i < count; i++)
		bytes += found[i].end - found[i].start;
	return bytes;
}

static void *member(void *of)
{
	uintptr_t which = (uintptr_t)of;
	struct stall *stall = &stalls[first_stall + (int)which];
	unsigned char bytes[STALL_BYTES];

	warm_thread();
	if (which % 2) {
		stall_set(&stall->reached);
		stall_await(&stall->released);
	} else if (stall_draw(first_stall + (int)which, bytes)) {
		draws_add(family, bytes, sizeof(bytes), which);
	}
	return NULL;
}

/* Draw, then make no system call any more: whether a warm draw needs one. */
static void *last_member(void *unused)
{
	unsigned char bytes[16];

	(void)unused;
	warm_thread();
	if (!refuse(SYS_getrandom, ANSWER_EPERM))
		return NULL;
	__atomic_fetch_add(&growth->asked, 1, __ATOMIC_RELAXED);
	if (libc.getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		__atomic_fetch_add(&growth->slowed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void start(pthread_t *threads, void *(*body)(void *))
{
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, body, (void *)i))
			_exit(1);
}

static void live(int generation)
{
	pthread_t threads[THREADS];
	pid_t child;

	if (generation == generations) {
		start(threads, last_member);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		return;
	}
	/* The stalls of the parent's threads stay as they were. */
	first_stall = generation % 2 * THREADS;
	for (int i = 0; i < THREADS; i++)
		stall_arm(first_stall + i);
	start(threads, member);
	for (int i = 0; i < THREADS; i++)
		stall_wait(first_stall + i);
	if (!generation)
		growth->first = droppable();
	if (generation == generations - 1)
		growth->last = droppable();
	child = fork();
	if (!child) {
		family_child();
		family_draw(1, 2);
		live(generation + 1);
		_exit(0);
	}
	for (int i = 0; i < THREADS; i++)
		stall_release(first_stall + i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	wait_ok(child, "the next generation");
}

int main(void)
{
	family_begin("a chain of forks leaves no states behind", 1000000);
	needs_filters();
	generations = (int)scaled(40, 400);
	stall_begin();
	growth = mmap(NULL, sizeof(*growth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (growth == MAP_FAILED)
		skip_all("no memory");
	live(0);
	if (growth->first) {
		check(growth->last <= 2 * growth->first + GROWTH * stall_page,
		      "%lu kB of droppable memory after %d generations, %lu kB in the first", growth->last >> 10,
		      generations, growth->first >> 10);
		/* The kernel reseeds now and then, which costs one system call: that can meet a few. */
		check(growth->asked && growth->slowed <= THREADS / 4,
		      "%u of %u threads of the last generation needed a system call for a warm draw", growth->slowed,
		      growth->asked);
	}
	outputs_distinct(family, "a chain of forks");
	return case_end();
}
