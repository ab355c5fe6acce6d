/* SPDX-License-Identifier: MIT */
/*
 * Sixteen million draws of 16 bytes, by several threads of several processes, hold no repeat, no zeros and nothing
 * from an all-zero key.
 *
 * Source: getrandom(2); a repeat by chance has a probability below 2^-80
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <pthread.h>

#define PROCESSES	4
#define THREADS		4

static struct draws *draws;
static uint64_t each;

static void *body(void *who)
{
	unsigned char bytes[16];
	uint64_t i;

	for (i = 0; i < each; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)who);
	}
	return NULL;
}

static void family_member(uint64_t number)
{
	pthread_t threads[THREADS];
	uint64_t i;

	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)(number << 8 | i));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	uint64_t total = scaled(UINT64_C(1) << 22, UINT64_C(1) << 24);
	pid_t children[PROCESSES];
	uint64_t i;

	case_begin("no repeats among millions of draws", full_profile() ? 300 : 60);
	libc_needs(getrandom);
	each = total / (PROCESSES + 1) / THREADS + 1;
	draws = draws_new(each * (PROCESSES + 1) * THREADS);
	for (i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (!children[i]) {
			family_member(i + 2);
			_exit(0);
		}
	}
	family_member(1);
	for (i = 0; i < PROCESSES; i++)
		wait_ok(children[i], "a child that draws");
	outputs_distinct(draws, "threads and processes");
	return case_end();
}
