/* SPDX-License-Identifier: MIT */
/*
 * When a block can't be added, who has no slot uses the system call, and searches less and less often; when it can be
 * added again, everybody finds a slot before long.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"

#include <pthread.h>
#include <sys/resource.h>

#define THREADS	40
#define PATIENCE 4096	/* draws until a thread without a slot must have searched again */

static struct draws *draws;
static pthread_barrier_t barrier;

static void draw_times(uint64_t who, unsigned int times)
{
	unsigned char bytes[16];

	while (times--) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

static void *body(void *number)
{
	pthread_barrier_wait(&barrier);
	draw_times((uintptr_t)number, 200);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	draw_times((uintptr_t)number, PATIENCE);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

int main(void)
{
	struct rlimit memory, none;
	pthread_t threads[THREADS];
	uint64_t fallbacks, claims;

	case_begin("without room for more slots the system call serves", 60);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(THREADS * (200 + PATIENCE));
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, body, (void *)i);
	getrlimit(RLIMIT_AS, &memory);
	none = memory;
	none.rlim_cur = 1;
	setrlimit(RLIMIT_AS, &none);
	claims = record_slots->claims;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	fallbacks = record_epoch->fallbacks;
	claims = record_slots->claims - claims;
	check(record_slots->blocks == 1 && slots_claimed() == 16, "the slots that are there are in use: %llu",
	      (unsigned long long)slots_claimed());
	check(record_epoch->first_draws == THREADS, "%llu calls were first ones", (unsigned long long)record_epoch->first_draws);
	check(fallbacks >= (THREADS - 15) * 199, "%llu calls were system calls", (unsigned long long)fallbacks);
	check(claims < THREADS * 10, "%llu searches for %u draws", (unsigned long long)claims, THREADS * 200);
	setrlimit(RLIMIT_AS, &memory);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	check(slots_claimed() == THREADS + 1, "all threads have slots: %llu", (unsigned long long)slots_claimed());
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	record_consistent("at the end");
	outputs_distinct(draws, "of all threads");
	return case_end();
}
