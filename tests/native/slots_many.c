/* SPDX-License-Identifier: MIT */
/*
 * COUNT threads alive at once have a slot each, as long as there are some, and the others the system call. When
 * they have ended, as many others draw as well. Usage: slots_many COUNT
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"

#include <pthread.h>

#define DRAWS	4	/* of a thread, before the others are there and when all are */

static struct draws *draws;
static pthread_barrier_t begun, looked, released;

static void draw_some(uint64_t who)
{
	unsigned char bytes[16];

	for (int i = 0; i < DRAWS; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

static void *body(void *number)
{
	draw_some((uintptr_t)number);
	pthread_barrier_wait(&begun);
	pthread_barrier_wait(&looked);
	draw_some((uintptr_t)number);
	pthread_barrier_wait(&released);
	return NULL;
}

/* Threads first, first + 1, ... are all there; then look() is called, while none draws. */
static void generation(unsigned int count, uint64_t first, void (*look)(unsigned int count))
{
	pthread_t *threads = calloc(count, sizeof(*threads));
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	pthread_barrier_init(&begun, NULL, count + 1);
	pthread_barrier_init(&looked, NULL, count + 1);
	pthread_barrier_init(&released, NULL, count + 1);
	for (unsigned int i = 0; i < count; i++) {
		if (pthread_create(&threads[i], &attributes, body, (void *)(uintptr_t)(first + i))) {
			tap_line("", "Bail out! can't have so many threads here: errno %d", errno);
			_exit(1);
		}
	}
	pthread_barrier_wait(&begun);
	look(count);
	pthread_barrier_wait(&looked);
	pthread_barrier_wait(&released);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

static void each_has_one(unsigned int count)
{
	uint32_t with = count < record->slots ? count : record->slots;

	check(slots_used() == with, "%u slots for %u threads, not %u", with, count, slots_used());
	for (uint32_t i = 0; i < slots_used(); i++)
		expect(tail_of(i)->calls == DRAWS - 1 && tail_of(i)->bytes == 16 * (DRAWS - 1),
		       "slot %u served one thread, and not its first draw: %llu calls", i, (unsigned long long)tail_of(i)->calls);
	record_consistent("while all are there");
}

static void whatever(unsigned int count)
{
	check(slots_used() >= count || slots_used() == record->slots, "%u slots for %u threads", slots_used(), count);
	record_consistent("in the second generation");
}

int main(int argc, char *argv[])
{
	unsigned int count = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1000;
	uint32_t with;
	uint64_t calls;

	case_begin("threads alive at once have a slot each", 110);
	libc_needs(getrandom);
	record_find();
	with = count < record->slots ? count : record->slots;
	draws = draws_new(2 * (uint64_t)count * 2 * DRAWS);
	generation(count, 0, each_has_one);
	calls = calls_served();
	check(calls == (uint64_t)with * (2 * DRAWS - 1), "%llu calls of the first generation", (unsigned long long)calls);
	generation(count, count, whatever);
	outputs_distinct(draws, "of all threads");
	return case_end();
}
