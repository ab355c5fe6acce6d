/* SPDX-License-Identifier: MIT */
/*
 * Which thread may use which opaque state (docs/how-it-works.md, "States and slots").
 *
 * A draw is: slots_enter(); unless slots_hold() then slots_claim(); slots_begin(), the vDSO on slots_state(),
 * slots_leave(); and slots_confirm() if it was claimed. In between the thread is busy: a signal handler that draws
 * meanwhile is refused. What must stay true: no two executions ever use one state, whatever forks, signals and thread
 * deaths come between any two instructions.
 */
#ifndef CORE_SLOTS_H
#define CORE_SLOTS_H

#include "core.h"

#define SLOTS 10240	/* of 192 bytes they stay below 2 MiB, so that no huge page backs them */
#define BUCKETS 512
#define STAMPS_TAKEN (UINT64_C(1) << 24)

struct thread_record {			/* all zeros: never drew */
	struct slot *slot;		/* this thread's, from its first claim on */
	struct tail *tail;		/* of its state */
	uint64_t stamp;			/* the one that the tail must have, or a word of slots.h */
	uint64_t claimed;		/* the one that it had last */
};

/* Directly behind each state, in the same droppable page: wiped at a fork, gone when the kernel drops the page. */
struct tail {
	uint64_t stamp;		/* what the owner wrote there */
	uint64_t begun;		/* draws begun: one more than `calls` while the owner is inside, or if it ended there */
	uint64_t calls, bytes;	/* served from this state in this process */
};

struct slot {
	uint64_t home;		/* address of the record of the thread that it belongs to; 0: not given. Written once */
	uint64_t confirmed;	/* the stamp of a state that may be handed on; 0: none */
	uint64_t next;		/* number of the slot before it in its bucket, plus one; 0: none. Written once */
};

/* Ordinary memory. What a process with few threads writes of it lies in the first page. */
struct slots_table {
	uint64_t stamps;		/* how often STAMPS_TAKEN numbers were taken: grows along a lineage of forks, never back */
	uint32_t used;			/* slots given; may pass SLOTS by the number of threads that asked at once */
	uint16_t buckets[BUCKETS];	/* number of the newest slot of a bucket, plus one; 0: none */
	struct slot slots[SLOTS];
};

extern HIDDEN struct slots_table slots_table;

/* What a record's `stamp` is when it is no stamp. */
enum {
	NEVER,			/* this thread has not drawn, or only in vain */
	BUSY,			/* it is inside a draw */
	DREW_ONCE,		/* the system call has served it: the next draw takes a slot */
	NO_ROOM,		/* all slots were given when it asked */
	REFUSED,		/* the kernel refused to seed its state: the system call until that succeeds */
	FIRST_STAMP = 16,
};

static inline void *slots_state(struct tail *tail)
{
	return (char *)tail - core.state_size;
}

/* Whether the tail has this stamp. False as well for every word above. */
static inline bool slots_hold(uint64_t stamp)
{
	return stamp >= FIRST_STAMP && *(volatile uint64_t *)&core_thread.tail->stamp == stamp;
}

/* Become busy. From then on a handler that interrupts us stays off our state. */
static inline uint64_t slots_enter(void)
{
	uint64_t stamp = core_thread.stamp;

	core_thread.stamp = BUSY;
	barrier();
	return stamp;
}

/* Returns the tail of this thread's state. */
static inline struct tail *slots_begin(void)
{
	struct tail *tail = core_thread.tail;

	tail->begun++;
	barrier();
	return tail;
}

static inline void slots_leave(size_t bytes)
{
	barrier();
	core_thread.tail->calls++;
	if (platform_counts)
		core_thread.tail->bytes += bytes;
	barrier();
	core_thread.stamp = core_thread.claimed;
}

/*
 * The slow path of a draw, when slots_hold() is false for what slots_enter() returned. True: the state is
 * this thread's until slots_leave(). False: the draw is over, use the system call. With `eager`, a thread's first
 * draw takes a slot, too.
 */
bool slots_claim(uint64_t stamp, bool eager);

/*
 * Whether the tail still has the stamp, after a draw or a request that began with it. If not, the page was
 * dropped or the process forked meanwhile: what was drawn is not to be used, and the next draw renews the
 * state.
 */
bool slots_still_hold(uint64_t stamp);

/*
 * The same after a draw that slots_claim() allowed. If the stamp is there, a later thread may draw on from this
 * state.
 */
bool slots_confirm(uint64_t stamp);

/* The system call has served a draw of this thread. */
void slots_answered(void);

/* Bytes to map for all states, with core.page_size and core.state_stride set. */
size_t slots_size(void);

#endif
