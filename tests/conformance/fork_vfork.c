/* SPDX-License-Identifier: MIT */
/*
 * Promise: children on borrowed memory, made by vfork() and by clone() with CLONE_VM and CLONE_VFORK, may draw,
 * and neither they nor their parent, its later threads and later forks ever draw the same.
 * Source: POSIX allows a vfork child little, but the system call works there, and spawners rely on that.
 * Kind: quality
 */
#include "family.h"

#include <sched.h>

static char stack[65536] __attribute__((aligned(64)));

static void by_vfork(void)
{
	pid_t child = vfork();

	if (child == 0) {
		family_draw(1, FAMILY_BATCH);
		_exit(0);
	}
	wait_ok(child, "the vfork child");
}

static int borrower(void *unused)
{
	(void)unused;
	family_draw(2, FAMILY_BATCH);
	_exit(0);
}

static void by_clone(void)
{
	wait_ok(clone(borrower, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL), "the clone");
}

static void *from_thread(void *unused)
{
	by_vfork();
	family_draw(3, 2);
	by_clone();
	family_draw(3, FAMILY_BATCH);
	return unused;
}

/* A new process in which a vfork child is the first to draw. */
static void first_in_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		family_child();
		by_vfork();
		family_draw(4, 2);
		family_thread_draws(5);
		by_clone();
		family_draw(4, FAMILY_BATCH);
		_exit(0);
	}
	wait_ok(child, "the child");
}

int main(void)
{
	int rounds = (int)scaled(200, 2000);
	pthread_t thread;

	family_begin("children on borrowed memory and their parents draw different bytes", 1000000);
	for (int round = 0; round < rounds; round++) {
		family_draw(6, round % 8);
		by_vfork();
		family_draw(6, 2);
		by_clone();
		if (!pthread_create(&thread, NULL, from_thread, NULL))
			pthread_join(thread, NULL);
		first_in_child();
	}
	family_draw(6, FAMILY_BATCH);
	outputs_distinct(family, "vfork and clone");
	return case_end();
}
