/* SPDX-License-Identifier: MIT */
/*
 * A draw that meets its state's page while that is being dropped, and zeros on another processor, leaves no state
 * behind from which anybody can tell what is drawn next.
 *
 * The bare vDSO on a droppable state is the control: it is poisoned in two of five attempts.
 *
 * Source: getrandom(2): cryptographic purposes; mmap(2), MAP_DROPPABLE
 * Kind: promise
 * Runs: alone
 */
#include "moved.h"

#define ENOUGH	10	/* attempts that must poison the bare vDSO, or come in the middle of a drop, or nothing is shown */
#define ROUNDS	4	/* at most, on a machine with other work */

/* Once more, and all together. */
static void more(struct moved_result *sum, struct moved_result now)
{
	sum->attempts += now.attempts;
	sum->half_way += now.half_way;
	sum->poisoned += now.poisoned;
	sum->problem = now.problem;
}

int main(void)
{
	const struct moved_plan plan = {
		.length = 64, .before_page = 64, .listens = true, .sibling = true, .attempts = scaled(100, 300),
	};
	struct moved_result bare = { 0 }, own = { 0 };

	moved_case("later draws after a page that was dropped and came back", scaled(60, 180));
	for (int round = 0; round < ROUNDS && bare.poisoned < ENOUGH && !bare.problem; round++)
		more(&bare, moved_play_bare(&plan));
	if (bare.problem || bare.poisoned < ENOUGH)
		skip_all("%llu of %llu attempts poison the bare vDSO here: %s", (unsigned long long)bare.poisoned,
			 (unsigned long long)bare.attempts, bare.problem ? bare.problem : "too few to show anything");
	do
		more(&own, moved_play_libc(&plan));
	while (moved.drops && moved_droppable && own.half_way < ENOUGH && !own.problem &&
	       own.attempts < ROUNDS * plan.attempts);
	if (!moved.drops)
		skip_all("%d draws did not call the vDSO's getrandom", WARM_DRAWS);
	if (own.problem || (moved_droppable && own.half_way < ENOUGH))
		skip_all("%llu of %llu attempts came in the middle of a drop of %zu pages: %s", (unsigned long long)own.half_way,
			 (unsigned long long)own.attempts, moved.drops, own.problem ? own.problem : "too few to show anything");
	fact("bare-vdso-poisoned", "%llu of %llu", (unsigned long long)bare.poisoned, (unsigned long long)bare.attempts);
	fact("in-the-middle-of-a-drop", "%llu of %llu", (unsigned long long)own.half_way, (unsigned long long)own.attempts);
	if (!moved_droppable)
		note("the states of this libc are not in droppable memory");
	check(!own.poisoned, "%llu of %llu attempts leave a state whose later draws are zeros or a known keystream",
	      (unsigned long long)own.poisoned, (unsigned long long)own.attempts);
	return case_end();
}
