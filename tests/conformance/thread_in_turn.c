/* SPDX-License-Identifier: MIT */
/*
 * A million threads that live one after another, a few at a time, leave nothing behind: memory, mappings and file
 * descriptors stay bounded, and all their draws differ. Where a warm draw of the first one needs no system call,
 * one of the last needs none either.
 *
 * Source: what thread-per-request servers rely on; mmap(2) and vm.max_map_count are the limits it would meet
 * Kind: quality
 */
#include "sandbox.h"
#include "memory.h"

#include <pthread.h>

#define AT_ONCE	8
#define DRAWS	2	/* of a thread: the first may have been answered by a system call */

static struct draws *draws;

static void *body(void *number)
{
	unsigned char bytes[16];

	for (int i = 0; i < DRAWS; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)number);
	}
	return NULL;
}

static void rounds(uint64_t from, uint64_t to)
{
	pthread_t threads[AT_ONCE];
	uint64_t number;
	unsigned int i;

	for (number = from; number < to; number += AT_ONCE) {
		for (i = 0; i < AT_ONCE; i++)
			if (!expect(!pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)(number + i)),
				    "thread %llu can be created", (unsigned long long)(number + i)))
				exit(1);
		for (i = 0; i < AT_ONCE; i++)
			pthread_join(threads[i], NULL);
	}
}

/* Draw, then again under a filter that refuses getrandom to this thread: who still gets bytes makes no system call. */
static void *draw_when_warm(void *free)
{
	unsigned char bytes[16];
	int i;

	for (i = 0; i < DRAWS; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), UINT32_MAX);
	}
	*(bool *)free = refuse(SYS_getrandom, ANSWER_EPERM) && libc.getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes);
	if (*(bool *)free)
		draws_add(draws, bytes, sizeof(bytes), UINT32_MAX);
	return NULL;
}

/* Whether a warm draw of a new thread needs no system call. */
static bool warm_is_free(void)
{
	pthread_t thread;
	bool free = false;

	if (expect(!pthread_create(&thread, NULL, draw_when_warm, &free), "one more thread can be created"))
		pthread_join(thread, NULL);
	return free;
}

int main(void)
{
	bool free_at_first;
	uint64_t total = scaled(40000, 1000000), warm = total / 10;
	struct usage before;

	case_begin("threads in turn leave nothing behind", full_profile() ? 600 : 60);
	libc_needs(getrandom);
	draws = draws_new((total + AT_ONCE + 4) * DRAWS);
	memset(draws->entry, 1, total * DRAWS * sizeof(draws->entry[0]));	/* so that the record itself does not grow */
	free_at_first = warm_is_free();
	rounds(0, warm);
	before = usage_now();
	rounds(warm, total);
	usage_bounded(&before, "after all threads");
	if (free_at_first)
		check(warm_is_free(), "a warm draw needs no system call after %llu threads, as before them", (unsigned long long)total);
	outputs_distinct(draws, "threads in turn");
	return case_end();
}
