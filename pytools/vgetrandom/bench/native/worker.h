/* SPDX-License-Identifier: MIT */
/*
 * What a worker offers to its contender and to its measures. It knows neither. One worker is main.c, this, the
 * measures (measures.h), the references (references.h), and one file of contenders/.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stddef.h>
#include <stdint.h>
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

/* The function of that number, from 0, in the order of the offers; NULL: there are no more. */
const struct function *offered(size_t index);

/* The function of that name. Gives up when there is none. */
const struct function *offered_as(const char *name);

/* The version of the library that is measured, for the record; what was said of it last, or "unknown". */
void version(const char *text);
const char *version_said(void);

/* Opens a library by its soname; NULL when it is not installed. */
void *library(const char *soname);

/* One of its functions, or, without a library, what the program itself would call by that name; NULL: there is none. */
void *symbol(void *library, const char *name);

/* Nanoseconds. */
static inline int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* From the smallest to the largest. */
void sort(int64_t *values, size_t count);

/* Sorts the values. */
int64_t median(int64_t *values, size_t count);

/* Says what is wrong on standard error, and ends the worker. */
_Noreturn void give_up(const char *what);

#endif
