/* SPDX-License-Identifier: MIT */
/*
 * The kernel drops droppable pages at any moment, again and again, while threads draw: nothing predictable comes out.
 *
 * Source: mmap(2), MAP_DROPPABLE: pages become zeros under memory pressure; madvise(2), MADV_PAGEOUT
 * Kind: promise
 * Runs: alone
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "warm.h"

#include <pthread.h>

#define THREADS	3

static struct draws *draws;
static uint64_t each;
static uint32_t drawing;

static void *body(void *who)
{
	static const size_t lengths[] = { 16, 16, 16, 32, 48, 96, 112, 128, 256 };
	uint64_t choices = case_seed ^ (uintptr_t)who, i;
	unsigned char bytes[256];

	for (i = 0; i < each; i++) {
		size_t length = lengths[next_random(&choices) % 9];

		draw(bytes, length);
		draws_add(draws, bytes, length, (uintptr_t)who);
	}
	__atomic_fetch_sub(&drawing, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

int main(void)
{
	uint64_t turns = 0, dropped = 0;
	struct mapping found[64];
	pthread_t threads[THREADS];
	unsigned int count, i;

	case_begin("draws while pages are dropped", full_profile() ? 300 : 60);
	libc_needs(getrandom);
	each = scaled(500000, 10000000);
	needs_droppable();
	draws = draws_new(each * THREADS * 6);
	drawing = THREADS;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)(i + 1));
	while (__atomic_load_n(&draws->used, __ATOMIC_RELAXED) < 1000)
		usleep(100);
	count = mappings_find("self", "dp", found, 64);	/* slow, and nothing more is mapped from here on */
	for (; __atomic_load_n(&drawing, __ATOMIC_SEQ_CST); turns++) {
		for (i = 0; i < count; i++) {
			if (madvise((void *)found[i].start, found[i].end - found[i].start, MADV_PAGEOUT)) {
				note("MADV_PAGEOUT: %s", strerror(errno));
				continue;
			}
			dropped += mapping_present(&found[i]) == 0;
		}
		usleep(turns % 3 * 20);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	fact("drops", "%llu", (unsigned long long)turns);
	fact("seen-empty", "%llu", (unsigned long long)dropped);
	outputs_distinct(draws, "under dropped pages");
	return case_end();
}
