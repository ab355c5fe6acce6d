/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include <signal.h>
#include <sys/syscall.h>

#include "arch/arch.h"

#define BIT(signal) (UINT64_C(1) << ((signal) - 1))
#define HELD (BIT(SIGPIPE) | BIT(SIGXFSZ))

/* The kernel's signal sets have 64 bits on every architecture here. */
static long set_mask(uint64_t mask, uint64_t *before)
{
	return raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)before, sizeof(mask), 0, 0);
}

static uint64_t pending(void)
{
	uint64_t set = 0;

	raw_syscall(SYS_rt_sigpending, (long)&set, sizeof(set), 0, 0, 0, 0);
	return set;
}

void signals_hold(struct signals *before)
{
	const uint64_t held = HELD;

	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, (long)&held, (long)&before->mask, sizeof(held), 0, 0);
	before->pending = pending();
}

void signals_restore(const struct signals *before)
{
	/* A signal that the program itself holds back stays pending. One more of it makes no difference. */
	uint64_t raised = pending() & HELD & ~before->pending;
	const long at_once[2] = { 0 };

	if (raised)
		raw_syscall(SYS_rt_sigtimedwait, (long)&raised, 0, (long)at_once, sizeof(raised), 0, 0);
	set_mask(before->mask, NULL);
}
