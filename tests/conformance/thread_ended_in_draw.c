/* SPDX-License-Identifier: MIT */
/*
 * Threads that end in the middle of a draw, in a handler that never returns, cost those that come after them nothing:
 * where a warm draw needs no system call, the warm draw of a new thread needs none either.
 *
 * Source: lib/vdso/getrandom.c: a state that is in use sends every other draw on it to the system call
 * Kind: quality
 */
#include "sandbox.h"

#include <pthread.h>

#define AT_ONCE	8

static struct draws *draws;
static uint32_t started, refused;

/* End the thread behind the libc's back, as a runtime that shuts down may. */
static void end_thread(int signal)
{
	(void)signal;
	syscall(SYS_exit, 0);
}

static void *draw_until_ended(void *unused)
{
	unsigned char bytes[4096];

	__atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
	for (;;)
		draw(bytes, sizeof(bytes));
	return unused;
}

/* Draw, then again under a filter that refuses getrandom: who still gets bytes makes no system call. */
static bool warm_draws(uint64_t who)
{
	unsigned char bytes[16];
	bool good = true;
	int i;

	for (i = 0; i < 2; i++) {
		good &= libc.getrandom(bytes, 16, 0) == 16;
		draws_add(draws, bytes, 16, who);
	}
	if (!refuse(SYS_getrandom, ANSWER_EPERM))
		return false;
	for (i = 0; i < 4; i++) {
		good = good && libc.getrandom(bytes, 16, 0) == 16;
		if (good)
			draws_add(draws, bytes, 16, who);
	}
	return good;
}

static void *newcomer(void *who)
{
	if (!warm_draws((uintptr_t)who))
		__atomic_fetch_add(&refused, 1, __ATOMIC_SEQ_CST);
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

int main(void)
{
	uint32_t total = scaled(400, 4000), number, i;
	struct sigaction action = { .sa_handler = end_thread };
	pthread_attr_t small;
	pthread_t thread;

	case_begin("threads that end in a draw leave nothing in the way", full_profile() ? 120 : 30);
	libc_needs(getrandom);
	needs_filters();
	draws = draws_new(2 * total * 6 + 100);
	if (!warm_is_free())
		skip_all("every draw of this libc is a system call");
	sigaction(SIGUSR1, &action, NULL);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	for (number = 0; number < total; number++) {
		pthread_create(&thread, &small, draw_until_ended, NULL);
		while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) <= number)
			sched_yield();
		usleep(next_random(&case_seed) % 100);
		pthread_kill(thread, SIGUSR1);
	}
	usleep(10000);
	for (number = 0; number < total; number += AT_ONCE) {
		pthread_t threads[AT_ONCE];

		for (i = 0; i < AT_ONCE; i++)
			pthread_create(&threads[i], NULL, newcomer, (void *)(uintptr_t)(number + i + 2));
		for (i = 0; i < AT_ONCE; i++)
			pthread_join(threads[i], NULL);
	}
	fact("newcomers-slowed", "%u", refused);
	/* The kernel reseeds now and then, which costs one system call: that can meet a few. */
	check(refused <= AT_ONCE, "%u of %u new threads needed a system call for a warm draw", refused, total);
	outputs_distinct(draws, "new threads");
	return case_end();
}
