/* SPDX-License-Identifier: MIT */
/*
 * Threads that come and go, COUNT in all and a few at a time, share the slots of those before them where libc
 * gives them the same memory, and there the second draw of each, or its first, is served by the vDSO. Mappings do
 * not grow.
 * Usage: slots_turnover COUNT MOST [raw]	MOST: slots that may be given in the end
 *	raw: threads end by the exit system call, unknown to libc, which then gives the next thread other memory
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
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, most = argc > 2 ? strtoull(argv[2], NULL, 10) : 64;
	bool raw = argc > 3;
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
	check(slots_used() && slots_used() <= most, "%llu threads were given %u slots", (unsigned long long)drew, slots_used());
	/* One draw of a thread with new memory is a system call. */
	check(calls_served() >= 2 * drew - slots_used() && calls_served() <= 2 * drew, "%llu of %llu draws came from the vDSO",
	      (unsigned long long)calls_served(), (unsigned long long)(2 * drew));
	check(mappings_find("self", "dp", droppable, 64) == 1, "one droppable mapping, as at load");
	if (!raw)
		usage_bounded(&before, "after all of them");
	record_consistent("after all of them");
	outputs_distinct(draws, "of all threads");
	return case_end();
}
