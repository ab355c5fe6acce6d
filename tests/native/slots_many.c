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

#define DRAWS	4	/* of a thread that are recorded, before the others are there and when all are */
#define BETWEEN	1100	/* draws after which a thread that found no slot, for another was adding a block, has searched again */

static struct draws *draws;
static pthread_barrier_t begun, settled, released;
static int all_have_one;

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
	unsigned char bytes[16];

	draw_some((uintptr_t)number);
	pthread_barrier_wait(&begun);
	while (!__atomic_load_n(&all_have_one, __ATOMIC_ACQUIRE)) {
		for (int i = 0; i < BETWEEN; i++)
			draw(bytes, sizeof(bytes));
		usleep(1000);
	}
	pthread_barrier_wait(&settled);
	draw_some((uintptr_t)number);
	pthread_barrier_wait(&settled);
	pthread_barrier_wait(&released);
	return NULL;
}

static uint64_t claimed_since(uint64_t claim)
{
	uint64_t claimed = 0;

	for (uint64_t i = 0; i < slots_total(); i++)
		claimed += claim_of(slot_number(i)->owner) >= claim;
	return claimed;
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
	uint64_t first_draws = record_epoch->first_draws, first_claim = record_slots->claims, fallbacks;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	all_have_one = 0;
	pthread_barrier_init(&begun, NULL, count + 1);
	pthread_barrier_init(&settled, NULL, count + 1);
	pthread_barrier_init(&released, NULL, count + 1);
	for (unsigned int i = 0; i < count; i++) {
		if (pthread_create(&threads[i], &attributes, body, (void *)(uintptr_t)(first + i))) {
			tap_line("", "Bail out! can't have so many threads here: errno %d", errno);
			_exit(1);
		}
	}
	pthread_barrier_wait(&begun);
	while (claimed_since(first_claim) < count)	/* or the watchdog ends it */
		usleep(1000);
	__atomic_store_n(&all_have_one, 1, __ATOMIC_RELEASE);
	fallbacks = record_epoch->fallbacks;
	pthread_barrier_wait(&settled);
	pthread_barrier_wait(&settled);
	check(record_epoch->fallbacks == fallbacks, "%s: %llu draws fell back when each had a slot", name,
	      (unsigned long long)(record_epoch->fallbacks - fallbacks));
	check(record_epoch->first_draws == first_draws + count, "%s: and %llu were first ones", name,
	      (unsigned long long)(record_epoch->first_draws - first_draws));
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
	draws = draws_new(2 * count * 2 * DRAWS);
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
