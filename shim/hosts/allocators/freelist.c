/* SPDX-License-Identifier: MIT */
/*
 * A list of free states under a lock; a thread keeps its state until it ends, and a hook lists it again. This is how glibc
 * does it since 2.41. What must stay true: between fork(2) and its hook in the child nothing is taken; and a state is in the
 * list, or in the record of one thread, or lost.
 *
 * Signals are blocked while the lock is held: a handler that leaves by siglongjmp() or a cancellation would leave it locked,
 * and a child that a handler forks would find a state in neither place. So a thread's first draw makes two system calls
 * that a sandbox may not know, and one draw in twenty or so maps memory besides.
 */
#include <sys/syscall.h>	/* __NR_: inside glibc there is no SYS_ */

#include "allocator.h"

#define STATES 10240	/* threads beyond use the system call */
#define SIGNALS 8	/* bytes of the kernel's sigset_t */
enum { BLOCK_SIGNALS, SET_SIGNALS = 2 };	/* SIG_BLOCK, SIG_SETMASK */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE };

enum { UNLOCKED, LOCKED, WAITED_FOR };

static int lock;
static uint32_t made, listed;
static unsigned char *pages[STATES];	/* by number of the first state in them, divided by how many a page has */
static struct tail *list[STATES];

static uint64_t block_signals(void)
{
	uint64_t all = ~UINT64_C(0), before = 0;

	raw_syscall(__NR_rt_sigprocmask, BLOCK_SIGNALS, (long)&all, (long)&before, SIGNALS, 0, 0);
	return before;
}

static void restore_signals(uint64_t before)
{
	raw_syscall(__NR_rt_sigprocmask, SET_SIGNALS, (long)&before, 0, SIGNALS, 0, 0);
}

static void acquire(void)
{
	int found = UNLOCKED;

	/* Partner: the release in release(). */
	if (__atomic_compare_exchange_n(&lock, &found, LOCKED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	/* Partner: the release in release(). */
	while (__atomic_exchange_n(&lock, WAITED_FOR, __ATOMIC_ACQUIRE) != UNLOCKED)
		raw_syscall(__NR_futex, (long)&lock, FUTEX_WAIT_PRIVATE, WAITED_FOR, 0, 0, 0);
}

static void release(void)
{
	/* Partner: the acquires in acquire(). */
	if (__atomic_exchange_n(&lock, UNLOCKED, __ATOMIC_RELEASE) == WAITED_FOR)
		raw_syscall(__NR_futex, (long)&lock, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static struct tail *tail_of(uint32_t number)
{
	return states_tail(pages[number / states_per_page()], number % states_per_page());
}

/* One page more of states. */
static void grow(void)
{
	uint32_t count = (uint32_t)states_per_page();
	unsigned char *page;

	if (made + count > STATES)
		return;
	page = platform_map(core.page_size);
	if (!page)
		return;
	pages[made / count] = page;
	while (count--)
		list[listed++] = tail_of(made++);
}

bool allocator_take(void)
{
	uint64_t signals = block_signals();
	bool taken;

	acquire();
	if (!listed)
		grow();
	taken = listed;
	if (taken) {
		core_thread.tail = list[--listed];
		core_thread.kept = true;
	}
	release();
	restore_signals(signals);
	return taken;
}

/* States are kept. */
void allocator_put(void)
{
}

size_t allocator_size(void)
{
	return 0;
}

/* In the middle of a draw, by a cancellation or out of a handler: what the vDSO left of the state is not to be used. */
void allocator_thread_end(void)
{
	uint64_t signals;

	if (!core_thread.kept)
		return;
	signals = block_signals();
	acquire();
	states_clear(core_thread.tail);
	list[listed++] = core_thread.tail;
	core_thread.kept = false;
	release();
	restore_signals(signals);
}

void allocator_fork(int when)
{
	if (when < 0) {
		acquire();
		return;
	}
	if (when > 0) {
		/* The other threads are not here, and the kernel wiped their states. */
		listed = 0;
		for (uint32_t number = 0; number < made; number++)
			if (!core_thread.kept || tail_of(number) != core_thread.tail)
				list[listed++] = tail_of(number);
		lock = LOCKED;
	}
	release();
}
