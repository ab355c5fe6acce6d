/* SPDX-License-Identifier: MIT */
/*
 * At any instruction of a draw, a handler may start a child on the same memory (vfork, clone with CLONE_VM and
 * CLONE_VFORK) that draws and ends, while the draw that it interrupted waits.
 *
 * Source: quality: POSIX allows a vfork child little, but the system call works there, and spawners rely on that.
 * Kind: promise
 */
#include "step.h"

#include <sched.h>

static char stack[65536] __attribute__((aligned(64)));

static void strike_vfork(void)
{
	pid_t child = vfork();

	if (child == 0) {
		step_draw(4, 2);
		_exit(0);
	}
	wait_ok(child, "the vfork child");
}

static int child_draws(void *unused)
{
	(void)unused;
	step_draw(4, 2);
	_exit(0);
}

static void strike_clone(void)
{
	wait_ok(clone(child_draws, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL), "the clone");
}

static void after(void)
{
	step_draw(5, 3);
	step_thread_draws(6);
	step_draw(5, 1);
}

int main(void)
{
	static const struct step_event events[] = {
		{ .name = "a vfork child draws", .strike = strike_vfork, .after = after },
		{ .name = "a child on the same memory draws", .strike = strike_clone, .after = after },
	};

	step_begin("a child on borrowed memory that draws at an instruction of a draw shares nothing with it");
	return step_case("a vfork child at every boundary", events, 2);
}
