/* SPDX-License-Identifier: MIT */
/* The measures. Each takes of a request what it needs, and prints one line of numbers, which its comment explains. */
#ifndef MEASURES_H
#define MEASURES_H

#include "worker.h"

struct request {
	const struct function *function;
	size_t size;		/* of a draw, in bytes */
	long number;		/* of draws or rounds */
	long threads;		/* alive at once */
	int64_t ns;		/* how long to measure */
	const char *program;	/* to start */
	const char *preload;	/* the library to preload into it; NULL: none */
};

typedef void measures(const struct request *request);

measures measure_turn, measure_timer;			/* turn.c */
measures measure_threads;				/* threads.c */
measures measure_thread_life;				/* lives.c */
measures measure_fork, measure_start;			/* processes.c */
measures measure_memory, measure_thread_memory;		/* memory.c */
measures measure_tail, measure_reseed;			/* tail.c */
measures measure_calls;					/* calls.c */
measures measure_steps;					/* steps.c */

#endif
