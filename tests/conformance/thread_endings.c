/* SPDX-License-Identifier: MIT */
/*
 * However threads end - by return, pthread_exit, cancellation or the raw exit system call, joined or detached - those
 * that come after them get bytes of their own, and what the dead ones held is found again.
 *
 * Source: pthreads(7); gettid(2): a thread ID is reused; exit(2): the raw call ends only the calling thread
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "memory.h"

#include <pthread.h>

#define ENDINGS	5

static struct draws *draws;
static uint32_t ended[ENDINGS];
static pid_t raw;		/* the last thread that ended by the raw system call */
static const char *const names[ENDINGS] = { "return", "pthread_exit", "cancel", "detached", "raw exit" };

static void draw_some(uint64_t who)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < 8; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

static void *body(void *argument)
{
	unsigned int ending = (uintptr_t)argument % ENDINGS;

	draw_some((uintptr_t)argument);
	if (ending == 4)
		raw = (pid_t)syscall(SYS_gettid);
	__atomic_fetch_add(&ended[ending], 1, __ATOMIC_SEQ_CST);
	switch (ending) {
	case 1:
		pthread_exit(NULL);
	case 2:
		for (;;)
			pause();
	case 4:
		syscall(SYS_exit, 0);
	}
	return NULL;
}

/* Without libgcc_s of the right age, glibc can't cancel a thread. Musl needs none. */
static bool can_cancel(void)
{
	return libc_unwinds();
}

static void one(uint64_t number, unsigned int ending)
{
	pthread_t thread;
	pthread_attr_t attributes;
	uint32_t before = __atomic_load_n(&ended[ending], __ATOMIC_SEQ_CST);

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	if (ending == 3)
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (!expect(!pthread_create(&thread, &attributes, body, (void *)(uintptr_t)(number * ENDINGS + ending)),
		    "a thread can be created"))
		return;
	while (ending >= 2 && __atomic_load_n(&ended[ending], __ATOMIC_SEQ_CST) == before)
		sched_yield();
	if (ending == 2)
		pthread_cancel(thread);
	if (ending < 3)
		pthread_join(thread, NULL);
	/* At a thread's end the kernel unlocks musl's list of threads, which musl sees to, and this thread does not: nobody may hold it. */
	while (ending == 4 && !syscall(SYS_tgkill, getpid(), raw, 0))
		sched_yield();
}

int main(void)
{
	uint64_t total = scaled(400, 4000), number;
	unsigned int ending, files;
	bool cancel = can_cancel();

	case_begin("every way for a thread to end", full_profile() ? 120 : 30);
	libc_needs(getrandom);
	if (!cancel)
		note("no libgcc_s.so.1 that this libc can load: no thread is cancelled");
	draws = draws_new(total * ENDINGS * 16 + 1024);
	files = folder_entries("/proc/self/fd");
	for (number = 0; number < total; number++)
		for (ending = 0; ending < ENDINGS; ending++)
			if (ending != 2 || cancel)
				one(number, ending);
	for (ending = 0; ending < ENDINGS; ending++)
		check(ended[ending] == (ending == 2 && !cancel ? 0 : total), "%s: %u threads", names[ending], ended[ending]);
	draw_some(UINT32_MAX);
	check(folder_entries("/proc/self/fd") <= files, "no file stays open");
	outputs_distinct(draws, "threads of every ending");
	return case_end();
}
