/* SPDX-License-Identifier: MIT */
/*
 * A signal handler may draw at any instruction of a draw that it interrupts.
 *
 * Source: quality. POSIX does not list getrandom as async-signal-safe; the system call is, and programs draw in
 * handlers because of that.
 * Kind: promise
 */
#include "step.h"

static void strike(void)
{
	step_draw(4, 3);
}

static void after(void)
{
	step_draw(5, 4);
}

int main(void)
{
	static const struct step_event event = { .name = "a handler draws", .strike = strike, .after = after };

	step_begin("a handler that draws at each instruction of a draw gets bytes of its own");
	return step_case("a handler at every boundary", &event, 1);
}
