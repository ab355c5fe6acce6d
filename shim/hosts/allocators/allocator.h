/* SPDX-License-Identifier: MIT */
/*
 * What an allocator of states is asked, when it is not core/slots.c: one file that includes this header and defines the
 * four functions below, or those that it needs. slots.h beside this file puts core's draws on them.
 *
 * What must stay true: a state that allocator_take() gave is nobody else's until allocator_put(), whatever forks, signals,
 * cancellations and thread ends come between any two instructions. The vDSO looks at none of this.
 *
 * A thread is busy from before allocator_take() to after allocator_put(): a handler of its own that draws meanwhile gets
 * the system call and calls nothing here. So neither function needs to be re-entrant in one thread. A handler may fork,
 * though, end the thread, or leave by siglongjmp(), which leaves the record busy and the state taken for ever.
 */
#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include "core.h"

#define allocator_fork CORE_NAME(allocator_fork)
#define allocator_put CORE_NAME(allocator_put)
#define allocator_size CORE_NAME(allocator_size)
#define allocator_take CORE_NAME(allocator_take)
#define allocator_thread_end CORE_NAME(allocator_thread_end)

/* Directly behind each state, in the same droppable page: wiped at a fork, gone when the kernel drops the page. */
struct tail {
	uint64_t stamp;		/* the number of the draw that was begun last */
};

struct thread_record {		/* all zeros: never drew */
	struct tail *tail;	/* of the state that it has or had */
	uint64_t stamp;		/* the number of its next draw, or a word of slots.h */
	uint64_t claimed;	/* the number of the draw that it is in, or of the next */
	uint32_t kept;		/* not 0: the state is this thread's until it ends, and not put back after a draw */
	uint32_t number;	/* the allocator's own */
};

/*
 * Give this thread a state: set core_thread.tail. False: there is none, the draw is the system call. An allocator that
 * gives a state to a thread for good sets core_thread.kept, and is asked once a thread. Where a fork looks for states in
 * use, both have to be set before a handler can fork.
 */
bool allocator_take(void);

/* The draw on core_thread.tail is over. Not called while core_thread.kept is set. */
void allocator_put(void);

/*
 * Bytes to map for states at the program's start, which core.states is then the address of; 0: it maps at first need, by
 * platform_map(). core.page_size and core.state_stride are set.
 */
size_t allocator_size(void);

/*
 * Hooks, called by the libc if the file defines them, with all signals blocked (allocator_thread_end(): those that
 * programs can send). This thread ends, and draws no more:
 */
void allocator_thread_end(void);

/* Before a fork (-1), in the parent after it or when it failed (0), in the child (1), whose only thread this is. */
void allocator_fork(int when);

static inline size_t states_per_page(void)
{
	return core.page_size / core.state_stride;
}

/* Bytes to map for so many states. */
static inline size_t states_size(size_t count)
{
	return (count + states_per_page() - 1) / states_per_page() * core.page_size;
}

/* The tail of a state in memory that begins at `states`. Page by page: no state straddles two. */
static inline struct tail *states_tail(unsigned char *states, size_t number)
{
	unsigned char *page = states + number / states_per_page() * core.page_size;

	return (struct tail *)(page + number % states_per_page() * core.state_stride + core.state_size);
}

/* Make it a state to be seeded: what a thread left that ended within a draw. */
static inline void states_clear(struct tail *tail)
{
	volatile uint64_t *word = (volatile uint64_t *)((char *)tail - core.state_size);

	while (word <= &tail->stamp)
		*word++ = 0;
}

#endif
