/* SPDX-License-Identifier: MIT */
/*
 * A program that draws, and then locks itself in with a seccomp filter that refuses any one system call other than
 * getrandom, still draws.
 *
 * Source: seccomp(2), getrandom(2); as for the filter before the first draw
 * Kind: quality
 */
#include "sandbox.h"

int main(int argc, char *argv[])
{
	struct draws *draws;
	unsigned int call, action;
	int status;

	libc_find();
	if (argc == 4) {
		draws = life_draws();
		if (!sandbox_draws(draws, 1000) || !refuse(refusable[atoi(argv[2])].number, atoi(argv[3])))
			_exit(77);
		_exit(sandbox_draws(draws, atoi(argv[2])) ? 0 : 1);
	}
	case_begin("a filter after the first draw", 60);
	libc_needs(getrandom);
	if (!can_refuse())
		skip_all("no seccomp filter can be installed here");
	draws = life_draws();
	if (!draws)
		skip_all("no memory file");
	for (action = 0; action < ACTIONS; action++) {
		for (call = 0; call < REFUSABLE; call++) {
			status = sandbox_stage("drawn", call, action);
			expect(status == 0, "%s answered by %s: wait status %#x", refusable[call].name, action_names[action], status);
		}
	}
	check(!tap->failures, "%zu system calls refused in %d ways", REFUSABLE, ACTIONS);
	outputs_distinct(draws, "in sandboxes");
	return case_end();
}
