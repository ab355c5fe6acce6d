/* SPDX-License-Identifier: MIT */
/*
 * Where no other thread of the process keeps the first processor busy, a draw that is moved to another processor
 * and back while its state's page is being dropped gives good bytes (x86-64).
 *
 * With such a thread, the draw sees its state, zeros, and its state again: how many are then zeros or a known
 * keystream is a fact, for the bare vDSO too. A libc whose states can't be dropped must have none.
 *
 * Source: getrandom(2); arch/x86/mm/tlb.c in Linux: who has not run a process for a while catches up with its
 *	flushes first
 * Kind: quality
 * Runs: alone
 */
#include "moved.h"

static void tell(const char *name, const struct moved_result *result, const struct moved_plan *plan)
{
	tap_line("# fact: ", "%s=%llu of %llu", name, (unsigned long long)result->bad,
		 (unsigned long long)plan->attempts);
}

int main(void)
{
	const struct moved_plan plan = { .length = 16, .before_page = 8, .sibling = true, .attempts = scaled(100, 300) };
	const struct moved_plan alone = { .length = 16, .before_page = 8, .sibling = false, .attempts = scaled(100, 300) };
	struct moved_result bare, own;

	moved_case("a draw that is moved twice", scaled(60, 120));
	bare = moved_play_bare(&plan);
	if (bare.problem)
		skip_all("%s", bare.problem);
	own = moved_play_libc(&plan);
	if (own.problem)
		skip_all("%s", own.problem);
	if (!moved.drops)
		skip_all("%d draws did not call the vDSO's getrandom", WARM_DRAWS);
	tell("bare-vdso-bad", &bare, &plan);
	tell("bad", &own, &plan);
	if (!moved_droppable)
		check(!own.bad, "states that can't be dropped: %llu draws are zeros or a known keystream",
		      (unsigned long long)own.bad);
	own = moved_play_libc(&alone);
	if (own.problem)
		note("without a sibling: %s", own.problem);
	else
		tell("bad-without-sibling", &own, &alone);
#ifdef __x86_64__
	check(!own.bad, "without a sibling, %llu of %llu draws are zeros or a known keystream", (unsigned long long)own.bad,
	      (unsigned long long)alone.attempts);
#endif
	check(true, "draws were moved");
	return case_end();
}
