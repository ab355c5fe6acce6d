/* SPDX-License-Identifier: MIT */
/*
 * COUNT threads alive at once have a slot each, with a state that nobody else has; when they have ended as many others
 * get along with the same blocks.
 * Usage: slots_many COUNT
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "memory.h"
#include "record.h"

#include <pthread.h>
#include <sched.h>

#define DRAWS	4

static struct draws *draws;
static pthread_barrier_t alive, released;

static void *body(void *number)
{
	unsigned char bytes[16];

	for (int i = 0; i < DRAWS; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)number);
	}
	pthread_barrier_wait(&alive);
	pthread_barrier_wait(&released);
	return NULL;
}

/* Whether each thread that claimed a slot since `first_claim` has one only. */
static void owners_distinct(uint64_t first_claim, uint64_t count)
{
	uint64_t total = slots_total(), owners = 0, *owner = calloc(total, sizeof(*owner)), i;

	for (i = 0; i < total; i++)
		if (claim_of(slot_number(i)->owner) >= first_claim)
			owner[owners++] = (uint64_t)id_of(slot_number(i)->owner);
	qsort(owner, owners, sizeof(*owner), compare_numbers);
	for (i = 1; i < owners; i++)
		expect(owner[i] != owner[i - 1], "thread %llu has one slot", (unsigned long long)owner[i]);
	check(owners == count, "%llu slots were claimed, one a thread", (unsigned long long)owners);
	free(owner);
}

static void generation(unsigned int count, uint64_t first, const char *name)
{
	pthread_t *threads = calloc(count, sizeof(*threads));
	pthread_attr_t attributes;
	uint64_t fallbacks = record_epoch->fallbacks, first_claim = record_slots->claims;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	pthread_barrier_init(&alive, NULL, count + 1);
	pthread_barrier_init(&released, NULL, count + 1);
	for (unsigned int i = 0; i < count; i++) {
		if (pthread_create(&threads[i], &attributes, body, (void *)(uintptr_t)(first + i))) {
			tap_line("", "Bail out! can't have so many threads here: errno %d", errno);
			_exit(1);
		}
	}
	pthread_barrier_wait(&alive);
	/* While one thread adds a block, others may go without; each then has a slot soon after. */
	fallbacks = record_epoch->fallbacks - fallbacks;
	check(fallbacks <= count * DRAWS / 20, "%s: %llu of %u draws fell back", name, (unsigned long long)fallbacks,
	      count * DRAWS);
	if (fallbacks == 0)
		owners_distinct(first_claim, count);
	record_consistent(name);
	pthread_barrier_wait(&released);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	while (folder_entries("/proc/self/task") > 3)
		sched_yield();	/* joined a moment before the kernel forgets it; 3 with . and .. */
	free(threads);
}

int main(int argc, char *argv[])
{
	unsigned int count = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1000;
	uint64_t blocks;

	case_begin("threads alive at once have a slot each", 110);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(2 * count * DRAWS);
	generation(count, 0, "first");
	blocks = record_slots->blocks;
	check(slots_total() >= count + 1, "%llu slots", (unsigned long long)slots_total());
	check(slots_total() <= 4 * (uint64_t)count, "%llu slots are not far more than threads", (unsigned long long)slots_total());
	generation(count, count, "second");
	check(record_slots->blocks == blocks, "the second generation found the slots of the first: %llu blocks, before %llu",
	      (unsigned long long)record_slots->blocks, (unsigned long long)blocks);
	outputs_distinct(draws, "of all threads");
	return case_end();
}
