/* SPDX-License-Identifier: MIT */
/* What threads cost: throughput with several, and the first draws of a new one. */
#include "measures.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK 64		/* draws between two looks at the clock */
#define MOST_SIZE 4096

struct drawer {
	const struct function *function;
	size_t size;
	int64_t ns;		/* draw for so long; 0: once */
	pthread_barrier_t *start;
	pthread_t thread;
	double rate;		/* draws a second */
	int64_t last;		/* nanoseconds that its last draw took */
} __attribute__((aligned(64)));

static void *draw_for_a_while(void *arg)
{
	struct drawer *drawer = arg;
	char buf[MOST_SIZE] __attribute__((aligned(64)));
	int64_t start, end;
	long count = 0;

	drawer->function->draw(buf, drawer->size, 1);
	pthread_barrier_wait(drawer->start);
	start = now();
	do {
		drawer->function->draw(buf, drawer->size, CHUNK);
		count += CHUNK;
		end = now();
	} while (end - start < drawer->ns);
	drawer->rate = (double)count * 1e9 / (double)(end - start);
	return NULL;
}

/* Prints the draws a second of all `number` threads together, which run for `ns` wherever the scheduler puts them. */
void measure_threads(const struct request *request)
{
	long threads = request->number;
	struct drawer *drawers;
	pthread_barrier_t start;
	double total = 0;

	if (request->size > MOST_SIZE || posix_memalign((void **)&drawers, 64, (size_t)threads * sizeof(*drawers)))
		give_up("out of memory");
	pthread_barrier_init(&start, NULL, (unsigned int)threads);
	for (long i = 0; i < threads; i++) {
		drawers[i] = (struct drawer){
			.function = request->function, .size = request->size, .ns = request->ns, .start = &start
		};
		if (pthread_create(&drawers[i].thread, NULL, draw_for_a_while, &drawers[i]))
			give_up("can't create a thread");
	}
	for (long i = 0; i < threads; i++) {
		pthread_join(drawers[i].thread, NULL);
		total += drawers[i].rate;
	}
	printf("%.0f\n", total);
	pthread_barrier_destroy(&start);
	free(drawers);
}

static void *draw_once(void *arg)
{
	struct drawer *drawer = arg;
	char buf[MOST_SIZE];
	int64_t start = now();

	drawer->function->draw(buf, drawer->size, 1);
	drawer->last = now() - start;
	return NULL;
}

static void *draw_twice(void *arg)
{
	draw_once(arg);
	return draw_once(arg);
}

static void *do_nothing(void *arg)
{
	return arg;
}

static int64_t create_and_join(void *(*run)(void *), struct drawer *drawer)
{
	int64_t start = now();

	if (pthread_create(&drawer->thread, NULL, run, drawer))
		give_up("can't create a thread");
	pthread_join(drawer->thread, NULL);
	return now() - start;
}

/*
 * Prints four medians in nanoseconds over `number` threads made one after the other: a thread's first draw; its second;
 * making a thread that draws once and waiting for its end; the same without a draw.
 */
void measure_first_draw(const struct request *request)
{
	long rounds = request->number;
	int64_t *times = calloc((size_t)rounds * 4, sizeof(*times));
	struct drawer drawer = { .function = request->function, .size = request->size };

	if (!times || request->size > MOST_SIZE)
		give_up("out of memory");
	for (long i = 0; i < rounds; i++) {
		times[2 * rounds + i] = create_and_join(draw_once, &drawer);
		times[i] = drawer.last;
		create_and_join(draw_twice, &drawer);
		times[rounds + i] = drawer.last;
		create_and_join(draw_twice, &drawer);	/* five a round: no measured draw always meets the end of a batch of six */
		times[3 * rounds + i] = create_and_join(do_nothing, &drawer);
	}
	for (int i = 0; i < 4; i++)
		printf("%lld%c", (long long)median(times + i * rounds, (size_t)rounds), i < 3 ? ' ' : '\n');
	free(times);
}
