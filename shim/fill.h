/* SPDX-License-Identifier: MIT */
/*
 * The one way to get bytes, as getrandom(2) gives them, but -errno on failure: from the vDSO through this
 * thread's slot, or else from the system call. Thread-safe, async-signal-safe.
 */
#ifndef FILL_H
#define FILL_H

#include "compiler.h"
#include "process.h"
#include "slots.h"

/*
 * GRND_NONBLOCK (1), GRND_RANDOM (2), GRND_INSECURE (4) and what can be combined of them. The vDSO accepts
 * RANDOM with INSECURE, which the system call refuses (drivers/char/random.c): all above go there.
 */
#define LAST_FLAGS 5

/* Addresses below are never mapped (vm.mmap_min_addr): the system call says EFAULT where the vDSO would fault. */
#define LOWEST 4096

/* Bytes that a buffer below process.small_limit can have without a closer look at its end. */
#define SMALL 65536

/* The system call, counted as a fallback. */
long by_system_call(void *buf, size_t len, unsigned int flags);

/* A large buffer, one near the top of the address space; not initialised yet, or not ours to serve. */
long fill_unusual(void *buf, size_t len, unsigned int flags);

/* This thread has no slot in this epoch, or is busy. */
long fill_slowly(void *buf, size_t len, unsigned int flags, uint64_t epoch);

/* The vDSO answered with an error: the draw is over. */
long fill_nothing(long answer);

/* Called between slots_enter() and slots_leave(), when thread.state is ours; does the latter. */
static inline long fill_from_state(void *buf, size_t len, unsigned int flags)
{
	long answer = arch_vdso_call((vdso_getrandom *)process.entry, buf, len, flags, thread.state, process.state_size);

	if (unlikely(answer < 0))
		return fill_nothing(answer);
	slots_leave((size_t)answer);
	return answer;
}

static inline long fill(void *buf, size_t len, unsigned int flags)
{
	uint64_t epoch;

	/* The limit is zero until, and unless, draws can come from the vDSO. */
	if (unlikely((uintptr_t)buf - LOWEST >= process.small_limit || len >= process.large || flags > LAST_FLAGS))
		return fill_unusual(buf, len, flags);
	epoch = slots_enter();
	if (unlikely(epoch != epoch_word()))
		return fill_slowly(buf, len, flags, epoch);
	return fill_from_state(buf, len, flags);
}

/* Stores errno and returns -1. */
long fail(long answer);

/* Whether there is an errno to store to: not in a program that has a loader and no libc (Go's PIE programs). */
bool fail_has_errno(void);

/* What a libc function returns for the kernel's answer. */
static inline long with_errno(long answer)
{
	return likely(answer >= 0) ? answer : fail(answer);
}

#endif
