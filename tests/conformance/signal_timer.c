/* SPDX-License-Identifier: MIT */
/*
 * Promise: a handler that draws, run by a timer every 10 microseconds in each of several drawing threads, and the
 * draws that it interrupts, never give the same bytes; draws of up to 256 bytes always come whole.
 * Source: getrandom(2): up to 256 bytes a call is not interrupted by a handler. That handlers may draw is quality.
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "storm.h"

#include <pthread.h>

#define THREADS 3
#define LIMIT 2000000	/* draws that are recorded */

static struct draws *draws;
static uint64_t inside;
static __thread struct storm storm;
static __thread volatile sig_atomic_t drawing;

static void handler(int signal)
{
	unsigned char bytes[32];
	int saved = errno;

	storm_strikes(&storm);
	if (drawing)
		__atomic_fetch_add(&inside, 1, __ATOMIC_RELAXED);
	if (draw(bytes, sizeof(bytes)))
		draws_add(draws, bytes, sizeof(bytes), signal);
	storm_again(&storm);
	errno = saved;
}

/* Draws of 16, 32, ... 256 bytes. */
static void *drawer(void *argument)
{
	uint64_t who = (uint64_t)(uintptr_t)argument << 32;
	unsigned char bytes[256];

	if (!storm_begin(&storm, SIGALRM, 10000, scaled(10000, 200000)))
		return expect(false, "a timer") ? NULL : argument;
	for (uint64_t i = 0; storm_rages(&storm); i++) {
		size_t length = 16 * (1 + i % 16);
		bool good;

		drawing = 1;
		good = draw(bytes, length);
		drawing = 0;
		if (good && draws->used < LIMIT)
			draws_add(draws, bytes, length, who | (uint32_t)i);
	}
	return NULL;
}

int main(void)
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	pthread_t thread[THREADS];

	case_begin("handlers that draw every 10 microseconds, and what they interrupt, draw different bytes", scaled(120, 900));
	libc_needs(getrandom);
	draws = draws_new(LIMIT + 2 * THREADS * scaled(10000, 200000) + 1000);
	sigaction(SIGALRM, &action, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, drawer, (void *)(i + 1)))
			skip_all("no threads here");
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	fact("interrupted_draws", "%llu of %llu handlers", (unsigned long long)inside,
	     (unsigned long long)scaled(10000, 200000) * THREADS);
	check(inside > 0, "some handlers interrupted a draw");
	outputs_distinct(draws, "draws and handlers");
	return case_end();
}
