/* SPDX-License-Identifier: MIT */
/* Throughput of several threads. */
#include "measures.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK 64		/* draws between two looks at the clock */
#define MOST_SIZE 4096

struct drawer {
	const struct function *function;
	size_t size;
	int64_t ns;		/* draw for so long */
	pthread_barrier_t *start;
	pthread_t thread;
	double rate;		/* draws a second */
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

/* Prints the draws a second of all `threads` threads together, which run for `ns` wherever the scheduler puts them. */
void measure_threads(const struct request *request)
{
	long threads = request->threads;
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
