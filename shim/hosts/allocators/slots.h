/* SPDX-License-Identifier: MIT */
/*
 * In place of core/slots.h, for an allocator of allocator.h: the same functions for draw.c, bulk.c and unusual.c, which
 * are core's own. Each draw has a number, which it leaves in the tail of its state: a large request sees by it that the
 * process has forked, or that the page was dropped, while it was made. Nothing looks at it in other draws: against a page
 * that comes back (docs/limits.md) these allocators do as little as the vDSO alone.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include "allocator.h"

/* What a record's `stamp` is when it is no number. */
enum {
	NEVER,			/* this thread has not drawn, or only in vain */
	BUSY,			/* it is inside a draw */
	REFUSED,		/* the kernel refused to seed its state: the system call until that succeeds */
};

/* Numbers are given to threads in blocks of so many, and grow along a lineage of forks: no two draws have one. */
#define BLOCK (UINT64_C(1) << 32)

static inline void *slots_state(struct tail *tail)
{
	return (char *)tail - core.state_size;
}

static inline bool slots_hold(uint64_t stamp)
{
	return stamp >= BLOCK && core_thread.kept;
}

static inline uint64_t slots_enter(void)
{
	uint64_t stamp = core_thread.stamp;

	core_thread.stamp = BUSY;
	barrier();
	return stamp;
}

static inline struct tail *slots_begin(void)
{
	struct tail *tail = core_thread.tail;

	tail->stamp = core_thread.claimed;
	barrier();
	return tail;
}

static inline void slots_leave(size_t bytes)
{
	(void)bytes;
	barrier();
	if (!core_thread.kept)
		allocator_put();
	barrier();
	core_thread.stamp = ++core_thread.claimed;
}

/* The slow path, as in core/slots.h. Here `eager` decides nothing: the first draw takes a state. */
bool slots_claim(uint64_t stamp, bool eager);

/* The tail of a state that was put back may be read still: no state is ever unmapped. */
static inline bool slots_still_hold(uint64_t stamp)
{
	return *(volatile uint64_t *)&core_thread.tail->stamp == stamp;
}

static inline bool slots_confirm(uint64_t stamp)
{
	(void)stamp;
	return true;
}

static inline void slots_answered(void)
{
	if (core_thread.stamp == REFUSED)
		core_thread.stamp = NEVER;
}

static inline size_t slots_size(void)
{
	return allocator_size();
}

#endif
