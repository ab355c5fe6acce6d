/* SPDX-License-Identifier: MIT */
/*
 * Crowds of threads that are all inside the vDSO's getrandom at once, so that any state that two of them have is
 * seen, every time.
 */
#ifndef CONFORM_STATES_H
#define CONFORM_STATES_H

#include "warm.h"
#include "witness.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>

#define STATES_PATIENCE	3	/* seconds to wait for each other inside: an implementation may let only some in at once */

struct states {
	uint32_t begin;			/* they may draw */
	uint32_t all, come, open;	/* threads; those that are inside or have drawn without; they may go on */
	uint32_t inside, threads;	/* how many of them were inside; threads without who started them */
	pthread_t *thread;
	void (*meanwhile)(void);	/* if set, called once while they are, by one of them: in the middle of its draw */
	void *state[];
};

static _Thread_local struct states *states_wait;	/* the calling thread stops inside, as one of these */
static _Thread_local void *states_own;			/* it is inside with this one while it does something else */

static inline void states_arrive(struct states *states)
{
	if (__atomic_add_fetch(&states->come, 1, __ATOMIC_SEQ_CST) == states->all)
		syscall(SYS_futex, &states->come, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Wait until a word has the value, or patience is at its end. */
static inline bool states_await(uint32_t *word, uint32_t value)
{
	const struct timespec patience = { STATES_PATIENCE * (time_t)tap_number("CONFORM_PATIENCE", 1), 0 };
	uint32_t now;

	while ((now = __atomic_load_n(word, __ATOMIC_SEQ_CST)) != value)
		if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, now, &patience, NULL, 0) == -1 && errno == ETIMEDOUT)
			return false;
	return true;
}

static inline void states_say(uint32_t *word)
{
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Inside, in place of the vDSO. */
static void states_inside(void *state)
{
	struct states *states = states_wait;
	uint32_t number;

	if (!states)
		return;
	states_wait = NULL;
	number = __atomic_fetch_add(&states->inside, 1, __ATOMIC_SEQ_CST);
	states->state[number] = state;
	states_arrive(states);
	if (!number && states->meanwhile) {
		states_await(&states->come, states->all);
		states_own = state;
		states->meanwhile();
		states_own = NULL;
		states_say(&states->open);
	}
	states_await(&states->open, 1);
}

/* Once. Skips the case where nobody can stand in for the vDSO, or nobody calls it. */
static inline void states_begin(void)
{
	const char *why = witness_begin();

	if (why)
		skip_all("%s", why);
	witness.inside = states_inside;
	warm_thread();
	if (!witness.seen->used)
		skip_all("%d draws did not call the vDSO's getrandom", WARM_DRAWS);
}

static void *states_member(void *of)
{
	struct states *states = of;
	unsigned char bytes[16];

	while (!states_await(&states->begin, 1))
		;
	warm_thread();
	states_wait = states;
	draw(bytes, sizeof(bytes));
	if (states_wait) {	/* by the system call */
		states_wait = NULL;
		states_arrive(states);
	}
	states_await(&states->open, 1);
	return NULL;
}

/* So many new threads, which have not drawn, and wait. */
static inline struct states *states_crowd_waits(int threads, void (*meanwhile)(void))
{
	struct states *states = calloc(1, sizeof(*states) + (size_t)(threads + 1) * sizeof(states->state[0]));
	pthread_attr_t small;

	states->thread = calloc((size_t)threads, sizeof(states->thread[0]));
	states->all = states->threads = (uint32_t)threads;
	states->meanwhile = meanwhile;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	for (int i = 0; i < threads; i++) {
		if (!expect(!pthread_create(&states->thread[i], &small, states_member, states), "thread %d starts", i))
			_exit(1);
	}
	return states;
}

/* Returns when all are inside at once, or as many as an implementation lets in. */
static inline void states_crowd_enters(struct states *states)
{
	states_say(&states->begin);
	if (!states_await(&states->come, states->all))
		note("only %u of %u threads came inside at once", states->come, states->all);
}

/* Both at once. */
static inline struct states *states_crowd_comes(int threads, void (*meanwhile)(void))
{
	struct states *states = states_crowd_waits(threads, meanwhile);

	states_crowd_enters(states);
	return states;
}

/* They end; the caller is counted as one of them, if it is inside itself. */
static inline void states_crowd_goes(struct states *states)
{
	if (!states->inside || !states->meanwhile)
		states_say(&states->open);
	for (uint32_t i = 0; i < states->threads; i++)
		pthread_join(states->thread[i], NULL);
	free(states->thread);
	if (states_own) {
		states->all++;
		states->state[states->inside++] = states_own;
	}
}

/* Both at once. */
static inline struct states *states_of_crowd(int threads, void (*meanwhile)(void))
{
	struct states *states = states_crowd_comes(threads, meanwhile);

	states_crowd_goes(states);
	return states;
}

static inline void states_free(struct states *states)
{
	free(states);
}

static int states_by_address(const void *a, const void *b)
{
	const char *const x = *(char *const *)a, *const y = *(char *const *)b;

	return x < y ? -1 : x > y;
}

/* How many have the state of another, or overlap it. */
static inline uint32_t states_shared(struct states *states, const char *who)
{
	const uint32_t inside = states->inside;
	uint32_t shared = 0;

	qsort(states->state, inside, sizeof(states->state[0]), states_by_address);
	for (uint32_t i = 1; i < inside; i++) {
		char *one = states->state[i - 1], *next = states->state[i];

		if (next - one < (ssize_t)witness.params.state_size && shared++ < 3)
			note("two of %u %s are inside with states at %p and %p", inside, who, one, next);
	}
	return shared;
}

/* A test point: all are different. */
static inline bool states_distinct(struct states *states, const char *who)
{
	uint32_t shared = states_shared(states, who);

	return check(!shared, "%u of %u %s inside at once, %u with the state of another", states->inside, states->all, who,
		     shared);
}

/* A test point: each is where the kernel wants it. */
static inline bool states_good(const struct states *states, const char *who)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = witness.params.state_size;
	static struct mapping mappings[65536];
	unsigned int count = mappings_find("self", NULL, mappings, sizeof(mappings) / sizeof(mappings[0]));
	unsigned int at = 0, wrong = 0;

	for (uint32_t i = 0; i < states->inside; i++) {
		uintptr_t state = (uintptr_t)states->state[i];

		while (at < count && mappings[at].end <= state)	/* both are in order */
			at++;
		if (!(state % sizeof(uint64_t)) && state / page == (state + size - 1) / page && at < count &&
		    mapping_has(&mappings[at], "wf") && mapping_has(&mappings[at], "dd"))
			continue;
		if (wrong++ < 3)
			note("a state of %zu bytes at %p:%.100s", size, (void *)state,
			     at < count ? mappings[at].flags : " not mapped");
	}
	return check(!wrong, "%u states of %s: aligned, within a page, wiped on fork, not dumped", states->inside, who);
}

#endif
