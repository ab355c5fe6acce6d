/* SPDX-License-Identifier: MIT */
/*
 * Promise: along a chain of 100 forks, each from the child of the one before, no two processes draw the same.
 * Source: fork(2), getrandom(2).
 * Kind: promise
 */
#include "family.h"

#define GENERATIONS 100

/* Each generation forks the next, draws on, and waits for it. Odd ones fork from a new thread. */
static void live(int generation);

static void *next_generation(void *generation)
{
	pid_t child = fork();

	if (child == 0) {
		family_child();
		live((int)(uintptr_t)generation + 1);
		_exit(0);
	}
	family_draw(2, 3);
	wait_ok(child, "the next generation");
	return NULL;
}

static void live(int generation)
{
	void *argument = (void *)(uintptr_t)generation;
	pthread_t thread;

	if (generation == GENERATIONS)
		return;
	family_draw(1, generation % 8);
	if (generation % 2 == 0)
		next_generation(argument);
	else if (expect(!pthread_create(&thread, NULL, next_generation, argument), "a new thread starts"))
		pthread_join(thread, NULL);
	family_draw(3, FAMILY_BATCH);
}

int main(void)
{
	int chains = (int)scaled(3, 30);

	family_begin("no two processes along a chain of 100 forks draw the same bytes", 1000000);
	for (int i = 0; i < chains; i++)
		live(0);
	outputs_distinct(family, "chains of 100 forks");
	return case_end();
}
