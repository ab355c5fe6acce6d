/* SPDX-License-Identifier: MIT */
/*
 * Promise: threads may be cancelled asynchronously at any moment of a draw: they end, and whatever they had is of
 * no harm to the threads that draw on and to those that come.
 * Source: POSIX has three functions that may be called with asynchronous cancellation, and getrandom
 * is none of them; but a thread that only computes is where it is used, and computing may need random bytes.
 * Kind: quality
 */
#include "family.h"

#include <semaphore.h>

static sem_t ready;

__attribute__((noreturn))
static void *victim(void *argument)
{
	unsigned char bytes[16];

	family_draw(1, 1 + (int)(uintptr_t)argument % 7);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&ready);
	for (;;)
		draw(bytes, sizeof(bytes));
}

static void *neighbour(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		if (family_has_room())
			family_draw(2, 4);
		usleep(50);
	}
	return NULL;
}

static void cancel_one(int round)
{
	pthread_t thread;
	void *result = NULL;

	if (!expect(!pthread_create(&thread, NULL, victim, (void *)(uintptr_t)round), "a thread starts"))
		return;
	while (sem_wait(&ready))
		;
	for (uint64_t spin = next_random(&case_seed) % 20000; spin; spin--)
		__asm__ volatile("" : : : "memory");
	pthread_cancel(thread);
	pthread_join(thread, &result);
	(void)expect(result == PTHREAD_CANCELED, "a cancelled thread says so");
	family_thread_draws(3);
	family_draw(4, 1);
}

int main(void)
{
	int rounds = (int)scaled(500, 20000), stop = 0;
	pthread_t thread;

	family_begin("threads are cancelled in the middle of a draw, and the others draw on", 8000000);
	sem_init(&ready, 0, 0);
	if (pthread_create(&thread, NULL, neighbour, &stop))
		skip_all("no threads here");
	for (int round = 0; round < rounds; round++)
		cancel_one(round);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	outputs_distinct(family, "draws around threads cancelled asynchronously");
	return case_end();
}
