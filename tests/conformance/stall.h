/* SPDX-License-Identifier: MIT */
/*
 * A draw that stops half-way for as long as the case wants: only the first eight bytes of its buffer can be
 * written, and the handler of SIGSEGV waits until the rest may. So another execution that uses the same state
 * meanwhile shows, every time: the halted draw goes on with zeros, or with bytes that the other one gets too. An
 * implementation that leaves the buffer to the kernel gives a short or failed result instead: then nothing halts,
 * and the draw is made again.
 */
#ifndef CONFORM_STALL_H
#define CONFORM_STALL_H

#include "tap.h"
#include "libc.h"

#include <limits.h>
#include <linux/futex.h>

#define STALL_BYTES	48	/* no whole ChaCha20 block, and several words to come when it goes on */
#define STALL_AFTER	8
#define STALLS		40	/* at once in a process */

static struct stall {
	char *pages;		/* two */
	int reached;		/* the draw is half-way, or can't be halted; a futex, as the next */
	int released;
	void (*meanwhile)(void);	/* if set, halting means to call this */
} stalls[STALLS];
static size_t stall_page;	/* bytes */

/* Wait until *flag is set. Async-signal-safe. */
static inline void stall_await(int *flag)
{
	while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, flag, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static inline void stall_set(int *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, flag, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void stall_signal(int signal, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	for (int i = 0; i < STALLS; i++) {
		char *second = stalls[i].pages + stall_page;

		if ((char *)info->si_addr < second || (char *)info->si_addr >= second + stall_page)
			continue;
		stall_set(&stalls[i].reached);
		if (stalls[i].meanwhile)
			stalls[i].meanwhile();
		else
			stall_await(&stalls[i].released);
		mprotect(second, stall_page, PROT_READ | PROT_WRITE);
		errno = saved;
		return;
	}
	sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);	/* a real fault: it comes again */
}

/* Once, before the first fork. */
static inline void stall_begin(void)
{
	struct sigaction action = { .sa_sigaction = stall_signal, .sa_flags = SA_SIGINFO | SA_NODEFER };

	stall_page = (size_t)sysconf(_SC_PAGESIZE);
	for (int i = 0; i < STALLS; i++) {
		stalls[i].pages = mmap(NULL, 2 * stall_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (stalls[i].pages == MAP_FAILED)
			skip_all("no memory");
	}
	sigaction(SIGSEGV, &action, NULL);
}

/* Before the thread that is to halt starts. */
static inline void stall_arm(int which)
{
	stalls[which].reached = stalls[which].released = 0;
	mprotect(stalls[which].pages + stall_page, stall_page, PROT_NONE);
}

/* Where a draw of STALL_BYTES has to go to halt. */
static inline unsigned char *stall_buffer(int which)
{
	return (unsigned char *)stalls[which].pages + stall_page - STALL_AFTER;
}

/* Draw STALL_BYTES: returns when released. Returns whether there are as many. */
static inline bool stall_draw(int which, void *bytes)
{
	unsigned char *start = stall_buffer(which);
	bool full = libc.getrandom(start, STALL_BYTES, 0) == STALL_BYTES;

	stall_set(&stalls[which].reached);
	if (!full) {
		mprotect(stalls[which].pages + stall_page, stall_page, PROT_READ | PROT_WRITE);
		full = draw(start, STALL_BYTES);
	}
	memcpy(bytes, start, STALL_BYTES);
	return full;
}

static inline void stall_wait(int which)
{
	stall_await(&stalls[which].reached);
}

static inline void stall_release(int which)
{
	stall_set(&stalls[which].released);
}

#endif
