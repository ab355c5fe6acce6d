/* SPDX-License-Identifier: MIT */
/*
 * Promise: a process may fork while each of its other threads is in the middle of a draw. In the child, where
 * these draws never come to their end, everybody draws on; in the parent they end as if nothing had happened.
 * Source: fork(2): the child has only the thread that forked, and everything else as it was at that moment.
 * Kind: promise
 */
#include "family.h"
#include "stall.h"

#define THREADS 17

static void *halting(void *argument)
{
	int which = (int)(uintptr_t)argument;
	unsigned char bytes[STALL_BYTES];

	for (int i = 0; i < which % 4; i++)	/* for some it is the first draw, for some not */
		family_draw(1, 1);
	if (stall_draw(which, bytes))
		draws_add(family, bytes, sizeof(bytes), which);
	family_draw(2, 2);
	return NULL;
}

static int start(pthread_t *thread, int first, int count)
{
	int started = 0;

	for (; started < count; started++) {
		stall_arm(first + started);
		if (pthread_create(&thread[started], NULL, halting, (void *)(uintptr_t)(first + started)))
			break;
		stall_wait(first + started);
	}
	(void)expect(started == count, "new threads start");
	return started;
}

static void finish(pthread_t *thread, int first, int count)
{
	for (int i = 0; i < count; i++)
		stall_release(first + i);
	while (count)
		pthread_join(thread[--count], NULL);
}

/* As many threads as the parent has, halted as well, and then more. */
static void child_draws(bool draw_first)
{
	pthread_t thread[THREADS];
	int started;

	family_child();
	if (draw_first)
		family_draw(3, 2);
	started = start(thread, THREADS, THREADS);
	family_draw(3, 2);
	family_thread_draws(4);
	finish(thread, THREADS, started);
	family_draw(3, FAMILY_BATCH);
	_exit(0);
}

int main(void)
{
	int rounds = (int)scaled(20, 400);
	pthread_t thread[THREADS];
	pid_t child[2];
	int started;

	family_begin("a fork while all other threads are in the middle of a draw leaves nothing shared", 4000000);
	stall_begin();
	for (int round = 0; round < rounds; round++) {
		started = start(thread, 0, THREADS);
		for (int i = 0; i < 2; i++) {
			child[i] = fork();
			if (child[i] == 0)
				child_draws(i);
			family_draw(5, 1);
		}
		finish(thread, 0, started);
		wait_ok(child[0], "the child whose new threads draw first");
		wait_ok(child[1], "the child that draws first");
		family_draw(5, 2);
	}
	outputs_distinct(family, "forks among halted threads");
	return case_end();
}
