/* SPDX-License-Identifier: MIT */
/*
 * Promise: a fork at any instruction of a draw, by a handler, and in the child one crowd of new threads that draws
 * at once, and another that comes in the middle of what is left of the interrupted draw: whatever a new thread
 * makes of the new process, the survivor is left alone until its draw has come to its end.
 * Source: fork(2) and getrandom(2): the system call has no state that a fork could copy.
 * Kind: promise
 */
#include "step.h"

/* The survivor's draw, in its last steps: its buffer can't be written, and this is what its thread does about it. */
static void meanwhile(void)
{
	step_crowd_comes(STEP_CROWD, 50);
}

static void strike(void)
{
	if (!step_fork())
		return;
	step_crowd_comes(STEP_CROWD, 20);
	stalls[STEP_HALT].meanwhile = meanwhile;
	stall_arm(STEP_HALT);
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
	static const struct step_event event = {
		.name = "a fork, new threads in the middle of the rest", .strike = strike, .after = after, .halts = true
	};

	step_begin("after a fork at each instruction of a draw, new threads leave the rest of the interrupted draw alone");
	return step_case("a fork at every boundary, new threads in the middle of the rest", &event, 1);
}
