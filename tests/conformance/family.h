/* SPDX-License-Identifier: MIT */
/*
 * A family of processes that all draw, and all of whose draws are compared at the end. For the fork cases.
 */
#ifndef CONFORM_FAMILY_H
#define CONFORM_FAMILY_H

#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <pthread.h>

#define FAMILY_BATCH	8	/* draws of 16 bytes: more than a vDSO keeps of one refill */

static struct draws *family;
static uint64_t family_number;	/* of the draws of this process */

/* Begin a case: the promise, and room for so many draws. */
static inline void family_begin(const char *promise, uint64_t draws)
{
	case_begin(promise, scaled(120, 900));
	libc_needs(getrandom);
	family = draws_new(draws);
}

/* Draw `times` times 16 bytes. Their tag, for the reader of a failure: the pid, who (0 to 255), a number of 32 bits. */
static inline void family_draw(unsigned int who, int times)
{
	unsigned char bytes[16];
	uint64_t tag;

	while (times-- > 0) {
		tag = (uint64_t)getpid() << 40 | (uint64_t)who << 32 |
		      (uint32_t)__atomic_fetch_add(&family_number, 1, __ATOMIC_RELAXED);
		if (draw(bytes, sizeof(bytes)))
			draws_add(family, bytes, sizeof(bytes), tag);
	}
}

/* For what is drawn as long as something else takes: whether some more of it can be recorded. */
static inline bool family_has_room(void)
{
	return __atomic_load_n(&family->used, __ATOMIC_RELAXED) < family->capacity / 2;
}

/* After any kind of fork, in the child: it must not outlive a case that hangs. */
static inline void family_child(void)
{
	watchdog(30);
}

static void *family_newcomer(void *who)
{
	family_draw((unsigned int)(uintptr_t)who, FAMILY_BATCH);
	return NULL;
}

/* Start a thread that draws, and wait for its end. */
static inline void family_thread_draws(unsigned int who)
{
	pthread_t thread;

	if (expect(!pthread_create(&thread, NULL, family_newcomer, (void *)(uintptr_t)who), "a new thread starts"))
		pthread_join(thread, NULL);
}

/*
 * One generation: `split` is a kind of fork, which returns as fork does. Both processes draw, with `before` draws
 * made before, so that whatever is kept between draws stands at every possible place.
 */
static inline void family_split(pid_t (*split)(void), int before, const char *name)
{
	pid_t child;

	family_draw(1, before);
	child = split();
	if (child == 0) {
		family_child();
		family_draw(2, FAMILY_BATCH);
		_exit(0);
	}
	if (!expect(child > 0, "%s makes a child", name))
		return;
	family_draw(3, FAMILY_BATCH);
	wait_ok(child, name);
	family_draw(4, 1);
}

/* The same with a child that starts a thread which draws first, and forks in its turn. */
static inline void family_split_deep(pid_t (*split)(void), const char *name)
{
	pid_t child;

	family_draw(5, 3);
	child = split();
	if (child == 0) {
		family_child();
		family_thread_draws(6);
		family_draw(7, 2);
		family_split(split, 1, name);
		family_draw(7, FAMILY_BATCH);
		_exit(0);
	}
	if (!expect(child > 0, "%s makes a child", name))
		return;
	family_draw(8, FAMILY_BATCH);
	wait_ok(child, name);
}

/* The whole of a case about one kind of fork. Returns main's status. */
static inline int family_case(pid_t (*split)(void), const char *name)
{
	int rounds = (int)scaled(30, 300);

	for (int round = 0; round < rounds; round++) {
		for (int before = 0; before < 10; before++)
			family_split(split, before, name);
		family_split_deep(split, name);
	}
	outputs_distinct(family, name);
	return case_end();
}

#endif
