/* SPDX-License-Identifier: MIT */
/*
 * Droppable pages may turn to zeros at any instruction of a draw, and still nothing predictable comes out.
 *
 * Source: mmap(2), MAP_DROPPABLE; lib/vdso/getrandom.c in Linux. A libc that maps none is skipped.
 * Kind: promise
 */
#include "step.h"

static void strike(void)
{
	step_drop();
}

static void strike_draw(void)
{
	step_drop();
	step_draw(4, 2);
}

static void after(void)
{
	step_draw(5, 8);
}

int main(void)
{
	static const struct step_event events[] = {
		{ .name = "the pages dropped", .strike = strike, .after = after },
		{ .name = "the pages dropped, then the handler draws", .strike = strike_draw, .after = after },
	};

	step_begin("droppable pages that vanish at an instruction of a draw never lead to zeros or a known key");
	if (step_plans[STEP_RESEED].missing)
		skip_all("%s", step_plans[STEP_RESEED].missing);
	return step_case("pages dropped at every boundary", events, 2);
}
