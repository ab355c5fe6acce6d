/* SPDX-License-Identifier: MIT */
/*
 * Which thread may use which opaque state (docs/how-it-works.md, "States and slots").
 *
 * A draw is: slots_enter(), unless that says so slots_claim(), the use of thread.state, slots_leave(). In between
 * the thread is busy: a signal handler that draws meanwhile is refused. What must stay true: no two executions
 * ever use one state, whatever forks, signals and thread deaths come between any two instructions.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "compiler.h"
#include "process.h"

struct thread {
	void *state;
	struct vgetrandom_slot *slot;
	uint64_t claimed;	/* the epoch word for which state and slot are this thread's */
	uint64_t epoch;		/* the same, or one of those below */
	uint32_t failures;	/* searches for a slot that found none */
	uint32_t skip;		/* draws to leave to the system call before searching again */
};

/* Not words: every word has a claim number above zero. */
#define NO_EPOCH 1		/* before the first claim */
#define BUSY 2			/* during a draw */
#define DREW_ONCE 3		/* by the system call: the next draw claims */

/* The epoch has its page or pages to itself: the kernel wipes it in a forked child. */
union epoch_page {
	struct vgetrandom_epoch epoch;
	char page[PAGE_MAX];
};

extern HIDDEN union epoch_page epoch_page;
extern HIDDEN struct vgetrandom_slots all_slots;
extern HIDDEN _Thread_local struct thread thread;

#define CLAIM(word) ((word) >> VGETRANDOM_TID_BITS)
#define ID(word) ((int)((word) & ((UINT64_C(1) << VGETRANDOM_TID_BITS) - 1)))

/* The word is written by other threads, and by the kernel at a fork: each look is a new load. */
static inline uint64_t epoch_word(void)
{
	return *(volatile uint64_t *)&epoch_page.epoch.word;
}

/* Have the kernel wipe the epoch page in every forked child. False when it refuses. */
bool slots_watch_forks(void);

/* A new epoch: in a new child, or in the process that loaded the library. False when the pid is not to be had. */
bool slots_publish(void);

/* Map the first states as process.record says. False, with nothing left behind, when the kernel refuses. */
bool slots_init(void);

/* Takes back what slots_init() did. */
void slots_undo(void);

/* What the vDSO served in this process, for the exit report. */
struct slots_totals {
	uint64_t calls, bytes;
};
struct slots_totals slots_totals(void);

/*
 * Become busy. From then on a handler that interrupts us stays off our state, and a fork is seen by the
 * caller's next step, which is to compare the returned epoch with epoch_word(): thread.state is ours when they are equal.
 */
static inline uint64_t slots_enter(void)
{
	uint64_t epoch = thread.epoch;

	thread.epoch = BUSY;
	barrier();
	return epoch;
}

/*
 * The slow path, when `epoch`, which slots_enter() returned, is not the current one. True: thread.state is ours after
 * all, until slots_leave(). False: it is not, the draw is over, use the system call.
 */
bool slots_claim(uint64_t epoch);

/*
 * Instead of slots_claim(), for a small draw: many threads and forked children draw once and never again, and one system
 * call is cheaper than a claim. True: this was the first draw, it is over, use the system call.
 */
bool slots_claim_later(uint64_t epoch);

static inline void slots_leave(size_t bytes)
{
	barrier();
	thread.slot->calls++;
	thread.slot->bytes += bytes;
	barrier();
	thread.epoch = thread.claimed;
}

/* Claim a slot for this thread before it draws. */
void slots_prepare(void);

#endif
