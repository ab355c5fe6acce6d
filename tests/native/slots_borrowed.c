/* SPDX-License-Identifier: MIT */
/*
 * A child on borrowed memory (vfork, clone with CLONE_VM) registers nothing in the record of the process that it
 * borrows from: where the parent's thread has no state, it uses the system call.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"

#include <pthread.h>
#include <sched.h>

static struct draws *draws;
static char stack[256 * 1024] __attribute__((aligned(64)));

static void draw_once(uint64_t who)
{
	unsigned char bytes[32];

	draw(bytes, sizeof(bytes));
	draws_add(draws, bytes, sizeof(bytes), who);
}

static int body(void *unused)
{
	(void)unused;
	draw_once(2);
	syscall(SYS_exit_group, 0);
	return 0;
}

static pid_t start(bool by_vfork)
{
	pid_t child;

	if (!by_vfork)
		return clone(body, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	child = vfork();
	if (!child)
		body(NULL);
	return child;
}

struct figures {
	uint64_t word, threads, fallbacks, claimed, forks;
};

static struct figures figures_now(void)
{
	return (struct figures){ record_epoch->word, record_epoch->threads, record_epoch->fallbacks, slots_claimed(),
				 record_slots->forks };
}

/* In a thread that has not drawn yet. */
static void *borrow(void *by_vfork)
{
	struct figures before = figures_now(), after;
	pid_t child = start(by_vfork != NULL);

	wait_ok(child, "the child");
	after = figures_now();
	check(after.fallbacks == before.fallbacks + 1, "the child's draw was a system call");
	check(after.word == before.word && after.claimed == before.claimed && after.threads == before.threads &&
	      after.forks == before.forks, "nothing was registered");
	draw_once(3);
	after = figures_now();
	check(after.fallbacks == before.fallbacks + 1 && after.claimed == before.claimed + 1, "the thread itself has its slot");
	return NULL;
}

int main(void)
{
	pthread_t thread;
	uint64_t i, calls;

	case_begin("a child on borrowed memory registers nothing", 30);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(100);
	draw_once(1);
	for (i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, borrow, i ? &thread : NULL);
		pthread_join(thread, NULL);
	}
	/* A thread that has a state waits while its vfork child uses it. */
	calls = calls_served();
	wait_ok(start(true), "the child");
	draw_once(4);
	check(calls_served() == calls + 2, "parent and child draw in turn from the parent's state");
	outputs_distinct(draws, "of parents and children");
	return case_end();
}
