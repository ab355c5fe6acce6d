/* SPDX-License-Identifier: MIT */
/*
 * Threads at places that the test chooses: their stack, and with it their thread-local storage and the library's
 * record, lies where it is told. Two threads at one place, one after the other, have records at one address; two
 * at different places never do. (pthread_attr_setstack(3): libcs put thread-local storage on the stack that they
 * are given.)
 */
#ifndef NATIVE_PLACES_H
#define NATIVE_PLACES_H

#include "tap.h"

#include <pthread.h>

#define PLACE_SIZE (64 * 1024)

static char *places;

/* Address space only until used. */
static inline void places_make(size_t count)
{
	places = mmap(NULL, count * PLACE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (places == MAP_FAILED) {
		tap_line("", "Bail out! no address space for %zu stacks", count);
		_exit(1);
	}
}

static inline pthread_t place_start(size_t place, void *(*body)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	if (pthread_attr_setstack(&attributes, places + place * PLACE_SIZE, PLACE_SIZE) ||
	    pthread_create(&thread, &attributes, body, argument)) {
		tap_line("", "Bail out! no thread at place %zu: errno %d", place, errno);
		_exit(1);
	}
	pthread_attr_destroy(&attributes);
	return thread;
}

/* Run a thread to its end. */
static inline void place_run(size_t place, void *(*body)(void *), void *argument)
{
	pthread_join(place_start(place, body, argument), NULL);
}

/* Give the memory of a place back: what begins there next finds zeros. */
static inline void place_forget(size_t place)
{
	madvise(places + place * PLACE_SIZE, PLACE_SIZE, MADV_DONTNEED);
}

#endif
