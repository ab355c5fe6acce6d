/* SPDX-License-Identifier: MIT */
/* What a thread pays for its first draws, and for its end. */
#include "measures.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_SIZE 4096
#define MOST_DRAWS 3

struct life {
	const struct function *function;
	size_t size;
	int draws;
	int64_t taken[MOST_DRAWS];	/* nanoseconds of each draw */
	int64_t ended;			/* when the last was over */
	int64_t end;			/* nanoseconds from there until somebody who waits for the thread knows */
};

static void *live(void *arg)
{
	struct life *life = arg;
	char buf[MOST_SIZE];

	for (int i = 0; i < life->draws; i++) {
		int64_t start = now();

		life->function->draw(buf, life->size, 1);
		life->taken[i] = now() - start;
	}
	life->ended = now();
	return NULL;
}

/* Nanoseconds from making the thread to knowing that it is gone. */
static int64_t whole_life(struct life *life, int draws)
{
	pthread_t thread;
	int64_t start = now(), end;

	life->draws = draws;
	if (pthread_create(&thread, NULL, live, life))
		give_up("can't create a thread");
	pthread_join(thread, NULL);
	end = now();
	life->end = end - life->ended;
	return end - start;
}

enum part { FIRST, SECOND, THIRD, END, IDLE_END, WITH_DRAW, WITHOUT, PARTS };

/*
 * Prints medians in nanoseconds over `number` rounds of threads made one after the other: a thread's first, second and
 * third draw; its end; the end of one that did not draw; making one that draws once and waiting for its end; the same
 * without a draw. Five draws a round: no measured draw always meets the end of a batch of six.
 */
void measure_thread_life(const struct request *request)
{
	size_t rounds = (size_t)request->number;
	int64_t *times = calloc(rounds * PARTS, sizeof(*times));
	struct life life = { .function = request->function, .size = request->size };

	if (!times || request->size > MOST_SIZE)
		give_up("out of memory");
	for (size_t i = 0; i < rounds; i++) {
		times[WITH_DRAW * rounds + i] = whole_life(&life, 1);
		whole_life(&life, 1);
		whole_life(&life, MOST_DRAWS);
		for (int draw = 0; draw < MOST_DRAWS; draw++)
			times[(size_t)draw * rounds + i] = life.taken[draw];
		times[END * rounds + i] = life.end;
		times[WITHOUT * rounds + i] = whole_life(&life, 0);
		times[IDLE_END * rounds + i] = life.end;
	}
	for (size_t part = 0; part < PARTS; part++)
		printf("%lld%c", (long long)median(times + part * rounds, rounds), part + 1 < PARTS ? ' ' : '\n');
	free(times);
}
