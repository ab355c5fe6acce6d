/* SPDX-License-Identifier: MIT */
/*
 * A fork at any instruction of a draw, by a handler, and then new threads in the child that draw before the
 * surviving thread goes on with the draw that the fork interrupted: no two of them share anything.
 *
 * Source: quality; the fault that glibc's vDSO getrandom had in development (its commit abeae3c006).
 * Kind: promise
 */
#include "step.h"

static void strike(void)
{
	if (step_fork())
		step_crowd_comes(STEP_CROWD, 20);
}

/* A second crowd comes when the survivor has drawn: until then an implementation may have held things back. */
static void after(void)
{
	step_draw(step.role == STEP_PARENT ? 4 : 5, 3);
	if (step.role == STEP_PARENT)
		return;
	step_crowd_comes(STEP_CROWD, 50);
	step_crowd_goes();
	step_draw(5, 2);
}

/* A new thread in the middle of a draw, while the handler makes one too. */
static void strike_draw(void)
{
	if (step_fork()) {
		step_crowd_comes(1, 20);
		step_draw(5, 1);
	}
}

static void after_draw(void)
{
	step_draw(step.role == STEP_PARENT ? 4 : 5, 3);
	if (step.role == STEP_PARENT)
		return;
	step_thread_draws(6);
	step_crowd_goes();
	step_draw(5, 2);
}

int main(void)
{
	static const struct step_event events[] = {
		{ .name = "a fork, new threads first", .strike = strike, .after = after, .forks = true },
		{ .name = "a fork, a new thread first, then the handler", .strike = strike_draw, .after = after_draw, .forks = true },
	};

	step_begin("after a fork at each instruction of a draw, new threads of the child and the survivor share nothing");
	return step_case("a fork at every boundary, new threads first", events, 2);
}
