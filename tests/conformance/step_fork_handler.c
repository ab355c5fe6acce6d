/* SPDX-License-Identifier: MIT */
/*
 * A fork at any instruction of a draw, by a handler that then draws in the child, and so do many new threads, before
 * the surviving thread goes on with the draw that the fork interrupted: no two of them share anything. That the
 * thread has drawn after the fork does not mean that it is done with what it had before.
 *
 * Source: fork(2) and getrandom(2): the system call has no state that a fork could copy.
 * Kind: quality
 */
#include "step.h"

static void strike(void)
{
	if (step_fork()) {
		step_draw(7, 1);
		step_crowd_comes(STEP_CROWD, 20);
	}
}

static void after(void)
{
	step_draw(step.role == STEP_PARENT ? 4 : 5, 3);
	if (step.role == STEP_PARENT)
		return;
	step_crowd_goes();
	step_draw(5, 2);
}

int main(void)
{
	static const struct step_event events[] = {
		{ .name = "a fork, the handler first, then new threads", .strike = strike, .after = after, .forks = true },
	};

	step_begin("after a fork by a handler that draws, new threads of the child and the interrupted draw share nothing");
	return step_case("a fork at every boundary, the handler and new threads first", events, 1);
}
