/* SPDX-License-Identifier: MIT */
/*
 * A handler may leave a draw by siglongjmp at any instruction, and the thread, new threads and forked
 * children draw on for ever.
 *
 * Source: quality: POSIX allows siglongjmp out of a handler that interrupted an async-signal-safe function, which the
 * system call is.
 * Kind: promise
 */
#include "step.h"

static void strike(void)
{
	siglongjmp(step.before, 1);
}

static void after(void)
{
	step_draw(4, 40);
	step_thread_draws(5);
	if (step_fork())
		step_draw(6, 4);
	else
		step_draw(4, 4);
}

int main(void)
{
	static const struct step_event event = { .name = "a long jump", .strike = strike, .after = after };

	step_begin("a thread that leaves a draw by siglongjmp at an instruction of it goes on drawing");
	return step_case("siglongjmp at every boundary", &event, 1);
}
