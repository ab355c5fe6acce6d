/* SPDX-License-Identifier: MIT */
/*
 * A fork at any instruction of a draw, by a handler, and in the child a new thread whose vfork child is the first
 * to draw there: it borrows the memory, and neither it nor the threads that come after it share anything with
 * the draw that the fork interrupted.
 *
 * Source: quality; whoever draws first in a new process may find out that there was a fork, and can be mistaken for
 * the thread that made it.
 * Kind: promise
 */
#include "step.h"

static void *parent_of_first(void *unused)
{
	pid_t child = vfork();

	if (child == 0) {
		step_draw(4, 1);
		_exit(0);
	}
	wait_ok(child, "the vfork child");
	step_draw(5, 2);
	return unused;
}

static void strike(void)
{
	if (step_fork()) {
		pthread_join(step_thread(parent_of_first, 0), NULL);
		step_crowd_comes(STEP_CROWD, 20);
	}
}

static void after(void)
{
	step_draw(step.role == STEP_PARENT ? 6 : 7, 3);
	if (step.role == STEP_PARENT)
		return;
	step_crowd_goes();
	step_draw(7, 2);
}

int main(void)
{
	static const struct step_event event = {
		.name = "a fork, a vfork child first", .strike = strike, .after = after, .forks = true, .pads = true
	};

	step_begin("after a fork at each instruction of a draw, a vfork child that draws first misleads nobody");
	return step_case("a fork at every boundary, a vfork child first", &event, 1);
}
