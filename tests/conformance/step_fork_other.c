/* SPDX-License-Identifier: MIT */
/*
 * Another thread may fork while this one is at any instruction of a draw. In the child the draw never
 * comes to its end, and everybody there draws on for ever: no lock is left taken, nothing is shared.
 *
 * Source: fork(2): the child has only the thread that forked, and everything else as it was at that moment.
 * Kind: promise
 */
#include "step.h"

static int forked;

static void strike(void)
{
	step_wake();
	stall_await(&forked);
}

static void other(void)
{
	if (step_fork())
		step_finish();
	stall_set(&forked);
}

static void after(void)
{
	if (step.role == STEP_PARENT) {
		step_draw(4, 3);
		return;
	}
	step_draw(5, 1);
	step_crowd_comes(STEP_CROWD, 20);
	step_draw(5, 2);
	step_crowd_goes();
	step_draw(5, 2);
}

int main(void)
{
	static const struct step_event event = { .name = "another thread forks", .strike = strike, .other = other, .after = after };

	step_begin("a fork by another thread at each instruction of a draw leaves a child that draws bytes of its own");
	return step_case("another thread forks at every boundary", &event, 1);
}
