/* SPDX-License-Identifier: MIT */
/*
 * A fork at any instruction of a draw, by a handler, gives two processes that both finish that draw, with
 * different bytes, and draw on. Only when the buffer was already complete at the fork do both have it.
 *
 * Source: fork(2) and getrandom(2): the system call has no state that a fork could copy.
 * Kind: promise
 */
#include "step.h"

static void strike(void)
{
	step_fork();
}

static void strike_draw(void)
{
	step_fork();
	step_draw(step.role == STEP_FORKED ? 4 : 5, 2);
}

static void after(void)
{
	step_draw(step.role == STEP_FORKED ? 6 : 7, 8);
}

int main(void)
{
	static const struct step_event events[] = {
		{ .name = "a fork, both go on", .strike = strike, .after = after, .forks = true },
		{ .name = "a fork, both draw in the handler", .strike = strike_draw, .after = after, .forks = true },
	};

	step_begin("after a fork at each instruction of a draw, parent and child never draw the same bytes");
	return step_case("a fork at every boundary", events, 2);
}
