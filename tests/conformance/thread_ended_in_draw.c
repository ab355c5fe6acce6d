/* SPDX-License-Identifier: MIT */
/*
 * Threads that end in the middle of a draw - by pthread_exit in a handler, by asynchronous cancellation, or behind
 * the libc's back - cost those that come after them nothing: where a warm draw needs no system call, the warm draw
 * of a new thread needs none either.
 *
 * Source: lib/vdso/getrandom.c: a state that is in use sends every other draw on it to the system call
 * Kind: quality
 */
#include "sandbox.h"
#include "warm.h"

#include <pthread.h>

#define AT_ONCE	8

enum way { RAW_EXIT, EXIT_IN_HANDLER, CANCELLED, WAYS };
static const char *const way_names[WAYS] = { "raw-exit", "pthread_exit", "cancellation" };

static struct draws *draws;
static uint32_t started, slowed;
static enum way way;

static void end_thread(int signal)
{
	(void)signal;
	if (way == EXIT_IN_HANDLER)
		pthread_exit(NULL);
	syscall(SYS_exit, 0);	/* as a runtime that shuts down may */
}

static void *draw_until_ended(void *number)
{
	static const size_t lengths[] = { 16, 200, 4096 };
	size_t length = lengths[(uintptr_t)number % 3];
	unsigned char bytes[4096];

	if (way == CANCELLED)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	warm_thread();
	__atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
	for (;;)
		libc.getrandom(bytes, length, 0);
	return NULL;
}

/* Warm up, then draw under a filter that refuses getrandom: who still gets bytes makes no system call. */
static bool warm_draws(uint64_t who)
{
	unsigned char bytes[16];
	bool good = true;

	warm_thread();
	if (!refuse(SYS_getrandom, ANSWER_EPERM))
		return false;
	for (int i = 0; i < 4; i++) {
		good = good && libc.getrandom(bytes, 16, 0) == 16;
		if (good)
			draws_add(draws, bytes, 16, who);
	}
	return good;
}

static void *newcomer(void *who)
{
	if (!warm_draws((uintptr_t)who))
		__atomic_fetch_add(&slowed, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Whether this libc draws without a system call at all: asked of a child, which has a filter afterwards. */
static bool warm_is_free(void)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(warm_draws(1) ? 0 : 1);
	return waitpid(child, &status, 0) == child && status == 0;
}

/* So many threads, one after another, each ended while it draws. */
static void end_threads(uint32_t total)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	for (uint32_t number = 0; number < total; number++) {
		if (pthread_create(&thread, &small, draw_until_ended, (void *)(uintptr_t)number))
			_exit(1);
		while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) <= number)
			sched_yield();
		usleep(next_random(&case_seed) % 100);
		if (way == CANCELLED)
			pthread_cancel(thread);
		else
			pthread_kill(thread, SIGUSR1);
	}
	for (int i = 0; i < 1000 && folder_entries("/proc/self/task") > 3; i++)	/* with . and .. */
		usleep(5000);
}

/* In a child of its own: what one way leaves behind is not in the way of the next. */
static void one_way(uint32_t total)
{
	pthread_t threads[AT_ONCE];

	watchdog((unsigned int)scaled(30, 300));
	end_threads(total);
	for (uint32_t number = 0; number < total; number += AT_ONCE) {
		for (uint32_t i = 0; i < AT_ONCE; i++)
			pthread_create(&threads[i], NULL, newcomer, (void *)((uintptr_t)way << 32 | (number + i + 2)));
		for (uint32_t i = 0; i < AT_ONCE; i++)
			pthread_join(threads[i], NULL);
	}
	tap_line("# fact: ", "slowed-after-%s=%u of %u", way_names[way], slowed, total);
	/* The kernel reseeds now and then, which costs one system call: that can meet a few. */
	check(slowed <= AT_ONCE, "after threads ended by %s, %u of %u new threads needed a system call for a warm draw",
	      way_names[way], slowed, total);
	_exit(0);
}

int main(void)
{
	const uint32_t total = scaled(160, 1600);
	struct sigaction action = { .sa_handler = end_thread };

	case_begin("threads that end in a draw leave nothing in the way", scaled(90, 900));
	libc_needs(getrandom);
	needs_filters();
	draws = draws_new((total + AT_ONCE) * 4 * WAYS + 100);
	if (!warm_is_free())
		skip_all("every draw of this libc is a system call");
	sigaction(SIGUSR1, &action, NULL);
	for (way = 0; way < WAYS; way++) {
		pid_t child = fork();

		if (!child)
			one_way(total);
		wait_ok(child, way_names[way]);
	}
	outputs_distinct(draws, "new threads");
	return case_end();
}
