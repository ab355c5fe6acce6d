/* SPDX-License-Identifier: MIT */
/*
 * Promise: in a process all of whose threads draw all the time, each of them may fork, and in the child the
 * survivor and new threads draw bytes that nobody else ever does.
 * Source: fork(2). glibc's vDSO getrandom had a fault here in development (its commit abeae3c006): after such a fork
 * two threads could share a state.
 * Kind: promise
 */
#include "family.h"

#define THREADS 8

static bool stop;

static void child_draws(unsigned int who)
{
	pthread_t thread[4];
	int started = 0;

	family_child();
	while (started < 4 && !pthread_create(&thread[started], NULL, family_newcomer, (void *)(uintptr_t)(who + 32)))
		started++;
	family_draw(who + 16, FAMILY_BATCH);
	while (started)
		pthread_join(thread[--started], NULL);
	family_draw(who + 16, FAMILY_BATCH);
	_exit(0);
}

static void *forker(void *argument)
{
	unsigned int who = (unsigned int)(uintptr_t)argument;
	int rounds = (int)scaled(40, 400);
	pid_t child;

	for (int round = 0; round < rounds; round++) {
		family_draw(who, round % 9);
		child = fork();
		if (child == 0)
			child_draws(who);
		family_draw(who, 4);
		wait_ok(child, "the child of a thread");
	}
	return NULL;
}

/* Draws all the time, and records some of it. */
static void *drawer(void *who)
{
	unsigned char bytes[16];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (int i = 0; i < 500; i++)
			draw(bytes, sizeof(bytes));
		if (family_has_room())
			family_draw((unsigned int)(uintptr_t)who, FAMILY_BATCH);
		usleep(200);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[THREADS];

	family_begin("a fork by any of many drawing threads leaves nothing shared", 4000000);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, i % 2 ? drawer : forker, (void *)i))
			skip_all("no threads here");
	for (int i = 0; i < THREADS; i += 2)
		pthread_join(thread[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 1; i < THREADS; i += 2)
		pthread_join(thread[i], NULL);
	outputs_distinct(family, "forks by drawing threads");
	return case_end();
}
