/* SPDX-License-Identifier: MIT */
/*
 * Threads that come and go, COUNT in all and a few at a time, share a few slots: the record does not grow with the
 * number of threads, nor do mappings, and nobody is sent to the system call for want of a slot. Each draws twice, because
 * a thread takes no slot before its second draw.
 * Usage: slots_turnover COUNT [raw]	raw: threads end by the exit system call, unknown to libc
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "memory.h"
#include "record.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#define AT_ONCE	8
#define STACK	(64 * 1024)

static struct draws *draws;

static void draw_twice(uint64_t who)
{
	unsigned char bytes[16];

	for (int i = 0; i < 2; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

static void *body(void *number)
{
	draw_twice((uintptr_t)number);
	return NULL;
}

static void in_turn(uint64_t count)
{
	pthread_t threads[AT_ONCE];
	pthread_attr_t attributes;
	unsigned int i;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	while (count) {
		for (i = 0; i < AT_ONCE && count; i++, count--)
			if (pthread_create(&threads[i], &attributes, body, (void *)(uintptr_t)count))
				break;
		if (!expect(i, "a thread starts"))
			return;
		while (i--)
			pthread_join(threads[i], NULL);
	}
}

static uint32_t ended;

static void *raw_body(void *number)
{
	draw_twice((uintptr_t)number);
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_exit, 0);
	return NULL;
}

/* libc never learns that these have ended: their stacks and thread descriptors are lost. */
static void raw_in_turn(uint64_t count)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	for (uint64_t i = 0; i < count; i++) {
		if (!expect(!pthread_create(&thread, &attributes, raw_body, (void *)(uintptr_t)(i + 1)), "a thread starts"))
			return;
		while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) <= i || folder_entries("/proc/self/task") > 3)
			sched_yield();
	}
}

int main(int argc, char *argv[])
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
	bool raw = argc > 2;
	uint64_t drew = raw ? count : count + AT_ONCE;
	struct mapping droppable[64];
	struct usage before;

	case_begin("threads that come and go share a few slots", 110);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(2 * drew);
	memset(draws->entry, 0, 2 * drew * sizeof(draws->entry[0]));	/* in memory before that is measured */
	if (!raw)
		in_turn(AT_ONCE);
	before = usage_now();
	raw ? raw_in_turn(count) : in_turn(count);
	check(record_epoch->threads == 1 + drew, "%llu threads took a slot", (unsigned long long)record_epoch->threads);
	check(record_epoch->first_draws == drew, "%llu first draws, one a thread", (unsigned long long)record_epoch->first_draws);
	/* A thread is joined a moment before the kernel forgets it: more than 9 slots may be needed for a while. */
	check(record_slots->blocks <= 3, "%llu slots for %u threads at once", (unsigned long long)slots_total(), AT_ONCE + 1);
	check(record_epoch->fallbacks == 0, "%llu calls fell back", (unsigned long long)record_epoch->fallbacks);
	check(mappings_find("self", "dp", droppable, 64) <= record_slots->blocks, "as many droppable mappings as blocks at most");
	if (!raw)
		usage_bounded(&before, "after all of them");
	record_consistent("after all of them");
	outputs_distinct(draws, "of all threads");
	return case_end();
}
