/* SPDX-License-Identifier: MIT */
/*
 * A thread may end at any instruction of a draw, and the others, old and new, draw on for ever; nothing that it
 * drew or left half-drawn comes out again.
 *
 * Source: quality; pthread_exit(3) is not async-signal-safe, but threads are also ended by a raw exit system call.
 * Kind: promise
 */
#include "step.h"

static void strike_exit(void)
{
	step_wake();
	syscall(SYS_exit, 0);
}

static void strike_pthread_exit(void)
{
	step_wake();
	pthread_exit(NULL);
}

/* The crowd lives all at once, so that whatever the dead thread had is used again. */
static void after(void)
{
	step_draw(4, 2);
	step_crowd_comes(STEP_CROWD, 20);
	step_draw(4, 2);
	step_crowd_goes();
	step_draw(4, 2);
}

int main(void)
{
	static const struct step_event events[] = {
		{ .name = "the thread ends by a raw exit", .strike = strike_exit, .other = step_outlive, .after = after },
		{ .name = "the thread ends by pthread_exit", .strike = strike_pthread_exit, .other = step_outlive, .after = after },
	};

	step_begin("a thread that ends at an instruction of a draw leaves nothing that others would share");
	return step_case("the thread ends at every boundary", events, 2);
}
