/* SPDX-License-Identifier: MIT */
/*
 * A droppable page holds what was written there, or zeros, on whatever processor it is read.
 *
 * Nothing of a libc is asked here, but the kernel, on which the vDSO's getrandom builds. And a fact: how often
 * what was written is back when a thread that has read zeros moves to a processor that remembers the page
 * (docs/limits.md).
 *
 * Source: mmap(2), MAP_DROPPABLE
 * Kind: promise
 * Runs: alone
 */
#include "tap.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#define PAGES	100	/* dropped in one turn, which takes that long */
#define BATCH	40	/* more new pages than a processor keeps from the LRU lists (PAGEVEC_SIZE, 31) */

static int processors[2];
static size_t page;
static volatile char *dropped, *batch;
static uint32_t turns, called, moved, read_there, ended;
static long delay;	/* nanoseconds until the mover acts */
static pid_t reader;

static bool run_on(int processor, pid_t thread)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	return sched_setaffinity(thread, sizeof(one), &one) == 0;
}

static bool run_first(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	return syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param) == 0;	/* musl's function only says ENOSYS */
}

static void await(uint32_t *word, uint32_t last)
{
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == last)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, last, NULL, NULL, 0);
}

static void advance(uint32_t *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static long nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

static bool running(void)
{
	return !__atomic_load_n(&ended, __ATOMIC_SEQ_CST);
}

/* On the first processor: drops pages, again and again. */
static void *dropper(void *unused)
{
	run_on(processors[0], 0);
	while (running()) {
		unsigned int i;

		for (i = 1; i < PAGES; i++)
			dropped[i * page] = 1;
		madvise((void *)dropped, PAGES * page, MADV_PAGEOUT);
		advance(&turns);
	}
	return unused;
}

/* On the second: this process has that processor while the reader is away, so it forgets nothing. */
static void *keeper(void *unused)
{
	run_on(processors[1], 0);
	while (running())
		continue;
	return unused;
}

/* On the first: stops the dropper in whatever it is doing, brings the reader, and lets nobody else run until it has left. */
static void *mover(void *unused)
{
	uint32_t seen = 0, reads = 0;

	run_on(processors[0], 0);
	run_first(10);
	for (;;) {
		struct timespec pause = { 0, 0 };

		await(&called, seen++);
		if (!running())
			return unused;
		pause.tv_nsec = __atomic_load_n(&delay, __ATOMIC_SEQ_CST);
		nanosleep(&pause, NULL);
		run_on(processors[0], reader);
		advance(&moved);
		while (__atomic_load_n(&read_there, __ATOMIC_SEQ_CST) == reads)
			continue;
		reads++;
	}
}

static bool two_processors(void)
{
	unsigned int count = 0;
	cpu_set_t allowed;
	int i;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return false;
	for (i = 0; i < CPU_SETSIZE && count < 2; i++)
		if (CPU_ISSET(i, &allowed))
			processors[count++] = i;
	return count == 2;
}

/* One round: what the reader finds on the first processor, and then on the second, where it wrote `number`. False: too late. */
static bool move(uint64_t number, uint64_t *there, uint64_t *here)
{
	volatile uint64_t *word = (volatile uint64_t *)dropped;
	uint32_t arrived = moved;
	unsigned int i;

	await(&turns, __atomic_load_n(&turns, __ATOMIC_SEQ_CST));
	*word = number;
	for (i = 0; i < BATCH; i++)
		batch[i * page] = 1;
	madvise((void *)batch, BATCH * page, MADV_DONTNEED);
	*here = *word;		/* and this processor remembers the page again */
	if (*here != number)
		return false;
	advance(&called);
	await(&moved, arrived);
	*there = *word;
	run_on(processors[1], 0);
	*here = *word;
	advance(&read_there);
	return true;
}

int main(void)
{
	void *(*const bodies[])(void *) = { dropper, keeper, mover };
	uint64_t rounds = scaled(1000, 20000), zeros = 0, returned = 0, choices = case_seed, i;
	pthread_t threads[3];
	pthread_attr_t plain;
	bool good = true;
	long begin, turn;

	case_begin("a droppable page holds what was written, or zeros", full_profile() ? 120 : 30);
	page = sysconf(_SC_PAGESIZE);
	dropped = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
	if (dropped == MAP_FAILED)
		skip_all("this kernel has no droppable memory");
	if (!two_processors())
		skip_all("one processor only");
	if (!run_first(20))
		skip_all("not allowed to have priority (SCHED_FIFO)");
	batch = mmap(NULL, BATCH * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reader = (pid_t)syscall(SYS_gettid);
	run_on(processors[1], 0);
	pthread_attr_init(&plain);
	pthread_attr_setinheritsched(&plain, PTHREAD_EXPLICIT_SCHED);
	for (i = 0; i < 3; i++)
		pthread_create(&threads[i], &plain, bodies[i], NULL);
	begin = nanoseconds();
	for (i = 0; i < 50; i++)
		await(&turns, __atomic_load_n(&turns, __ATOMIC_SEQ_CST));
	turn = (nanoseconds() - begin) / 50;
	/* On a busy machine a turn takes long: not until the watchdog barks. */
	for (i = 1; i <= rounds && good && nanoseconds() - begin < 20000000000L; i++) {
		uint64_t there = 0, here = 0;

		__atomic_store_n(&delay, (long)(next_random(&choices) % (uint64_t)(turn + 1)), __ATOMIC_SEQ_CST);
		if (move(i, &there, &here)) {
			zeros += there == 0;
			returned += there == 0 && here != 0;
		}
		good = (there == 0 || there == i) && (here == 0 || here == i);
	}
	__atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
	advance(&called);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	check(good, "%llu moves: what was written, or zeros", (unsigned long long)(i - 1));
	fact("dropped-page-returned", "%llu of %llu", (unsigned long long)returned, (unsigned long long)zeros);
	return case_end();
}
