/* SPDX-License-Identifier: MIT */
/* What the files of a benchmark worker share. One worker is worker.c, its measures, and one file of contenders/. */
#ifndef WORKER_H
#define WORKER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

/* One way to draw: fills the buffer of `size` bytes `count` times, and does nothing else. */
typedef void draws(void *buf, size_t size, long count);

struct function {
	const char *name;	/* what a request calls it; one word */
	draws *draw;
	size_t most;		/* the largest size that it takes, in bytes; 0: it has no size */
};

#define ANY_SIZE ((size_t)1 << 30)

/*
 * A contender: finds what it needs and calls offer() for each of its functions. Returns NULL, or in a few words why
 * it can't take part on this host. Its file's first comment is its label in tables.
 */
const char *contender_prepare(void);
void offer(const char *name, draws *draw, size_t most);

/* The version of the library that is measured, for the record. */
void version(const char *text);

/* Opens a library by its soname; NULL when it is not installed. */
void *library(const char *soname);

/* One of its functions, or, without a library, what the program itself would call by that name; NULL: there is none. */
void *symbol(void *library, const char *name);

/* references.c: what every worker can measure beside its contender, to make pairs in one process. */
draws draw_nothing, draw_by_system_call, draw_from_vdso;
const char *vdso_prepare(void);

/* getrandom(2) from the vDSO and nothing else: a state for each thread, and errno. After vdso_prepare(). */
ssize_t thin_getrandom(void *buf, size_t size, unsigned int flags);

/* Nanoseconds. */
static inline int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t median(int64_t *values, size_t count);
_Noreturn void give_up(const char *what);

/* The measures. Each prints one line of numbers, which its comment explains. */
void measure_turn(const struct function *function, size_t size, long count);
void measure_timer(void);
void measure_threads(const struct function *function, size_t size, int threads, int64_t ns);
void measure_first_draw(const struct function *function, size_t size, int rounds);
void measure_fork(const struct function *function, size_t size, int rounds);
void measure_start(const char *program, const char *preload);
void measure_memory(const struct function *function, size_t size);
void measure_thread_memory(const struct function *function, size_t size, int threads);
void measure_steps(const struct function *function, size_t size, long count);

/* Pin the process to one CPU, or with -1 let it run where it could at the start. */
void pin(int cpu);

#endif
