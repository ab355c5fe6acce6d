/* SPDX-License-Identifier: MIT */
/*
 * The one way to get bytes, as getrandom(2) gives them, but -errno on failure: from the vDSO through this
 * thread's state, or else from the system call. Thread-safe, async-signal-safe.
 */
#ifndef CORE_DRAW_H
#define CORE_DRAW_H

#include "slots.h"

/*
 * GRND_NONBLOCK (1), GRND_RANDOM (2), GRND_INSECURE (4) and the combinations that are allowed. The vDSO accepts
 * RANDOM with INSECURE, which the system call refuses (drivers/char/random.c): all flags above 5 go there.
 */
#define DRAW_LAST_FLAGS 5

/* Addresses below are never mapped (vm.mmap_min_addr): the system call says EFAULT where the vDSO would fault. */
#define DRAW_LOWEST 4096

/* Bytes that a buffer below core.small_limit can have without a closer look at its end. */
#define DRAW_SMALL 65536

/*
 * Ends the start: from here on draws can come from the vDSO. core.entry, core.states and what vdso_parameters()
 * sets must be there. `high` is an address near the top of this process's address space, such as that of the
 * vDSO; `most_vector` is as in core.
 */
void draw_start(uint64_t high, uint32_t most_vector);

/* A request that is large, near the top of the address space, before the start, or for the system call to refuse. */
long draw_unusual(void *buf, size_t len, unsigned int flags);

/* A draw for whose `stamp`, which slots_enter() returned, slots_hold() is false. */
long draw_slowly(void *buf, size_t len, unsigned int flags, uint64_t stamp);

/* The system call, by a thread that may have its next draw from the vDSO once it has been served. */
long draw_from_kernel(void *buf, size_t len, unsigned int flags);

/* The vDSO answered with an error: the draw is over. Returns the answer. */
long draw_failed(long answer);

/* Between slots_enter() and slots_leave(), when the state is ours; does the latter. */
static inline long draw_from_state(void *buf, size_t len, unsigned int flags)
{
	long answer;

	answer = arch_vdso_call(core.entry, buf, len, flags, slots_state(slots_begin()), core.state_size);
	if (unlikely(answer < 0))
		return draw_failed(answer);
	slots_leave((size_t)answer);
	return answer;
}

static inline long draw(void *buf, size_t len, unsigned int flags)
{
	uint64_t stamp;

	if (unlikely((uintptr_t)buf - DRAW_LOWEST >= core.small_limit || len >= core.large || flags > DRAW_LAST_FLAGS))
		return draw_unusual(buf, len, flags);
	stamp = slots_enter();
	if (unlikely(!slots_hold(stamp)))
		return draw_slowly(buf, len, flags, stamp);
	return draw_from_state(buf, len, flags);
}

#endif
