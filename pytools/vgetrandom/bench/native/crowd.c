/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "worker.h"

#define STACK ((size_t)64 * 1024)	/* bytes; ten thousand of them fit anywhere */

struct member {
	struct crowd *crowd;
	long number;
	pthread_t thread;
};

struct crowd {
	pthread_mutex_t lock;		/* of what follows, up to `over` */
	pthread_cond_t told, done;
	long turn;			/* how often the threads were told to work */
	long busy;			/* threads that have not ended this turn's work */
	bool over;
	crowd_work *work;
	void *argument;
	long size;
	struct member members[];
};

static void *wait_and_work(void *arg)
{
	struct member *member = arg;
	struct crowd *crowd = member->crowd;
	long seen = 0;

	pthread_mutex_lock(&crowd->lock);
	for (;;) {
		while (crowd->turn == seen && !crowd->over)
			pthread_cond_wait(&crowd->told, &crowd->lock);
		if (crowd->over)
			break;
		seen = crowd->turn;
		pthread_mutex_unlock(&crowd->lock);
		crowd->work(crowd->argument, member->number);
		pthread_mutex_lock(&crowd->lock);
		if (!--crowd->busy)
			pthread_cond_signal(&crowd->done);
	}
	pthread_mutex_unlock(&crowd->lock);
	return NULL;
}

struct crowd *crowd_gather(long threads, crowd_work *work, void *argument)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd) + (size_t)threads * sizeof(struct member));
	pthread_attr_t attributes;

	if (!crowd)
		give_up("out of memory");
	crowd->work = work;
	crowd->argument = argument;
	pthread_mutex_init(&crowd->lock, NULL);
	pthread_cond_init(&crowd->told, NULL);
	pthread_cond_init(&crowd->done, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	while (crowd->size < threads) {
		struct member *member = &crowd->members[crowd->size];

		*member = (struct member){ .crowd = crowd, .number = crowd->size };
		if (pthread_create(&member->thread, &attributes, wait_and_work, member)) {
			crowd_dismiss(crowd);
			crowd = NULL;
			break;
		}
		crowd->size++;
	}
	pthread_attr_destroy(&attributes);
	return crowd;
}

void crowd_do(struct crowd *crowd)
{
	pthread_mutex_lock(&crowd->lock);
	crowd->busy = crowd->size;
	crowd->turn++;
	pthread_cond_broadcast(&crowd->told);
	while (crowd->busy)
		pthread_cond_wait(&crowd->done, &crowd->lock);
	pthread_mutex_unlock(&crowd->lock);
}

void crowd_dismiss(struct crowd *crowd)
{
	if (!crowd)
		return;
	pthread_mutex_lock(&crowd->lock);
	crowd->over = true;
	pthread_cond_broadcast(&crowd->told);
	pthread_mutex_unlock(&crowd->lock);
	for (long i = 0; i < crowd->size; i++)
		pthread_join(crowd->members[i].thread, NULL);
	free(crowd);
}
