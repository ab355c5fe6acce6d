/* SPDX-License-Identifier: MIT */
/*
 * A thread forks in the middle of its draw, others being in the middle of theirs: in the child new threads, and
 * those of its children in turn, are inside the vDSO's getrandom with states of their own, not with that of the
 * draw which was interrupted. And in the parent new threads have none of those that are still in use there.
 *
 * Source: lib/vdso/getrandom.c in Linux: opaque_state is not shared between threads without locking; fork(2)
 * Kind: promise
 */
#include "states.h"

static void in_the_child(int generation)
{
	struct states *states = states_of_crowd(24, NULL);
	pid_t child;

	states_distinct(states, "threads of a child");
	states_good(states, "threads of a child");
	states_free(states);
	if (!generation)
		return;
	child = fork();
	if (!child) {
		watchdog(30);
		witness_forked();
		in_the_child(generation - 1);
		_exit(0);
	}
	wait_ok(child, "the child's child");
}

/* Called by one of a crowd while all of it is inside; and so it is while another crowd comes, after the fork. */
static void fork_now(void)
{
	struct states *states;
	pid_t child = fork();

	if (!child) {
		watchdog(30);
		witness_forked();
		in_the_child(1);
		_exit(0);
	}
	wait_ok(child, "the child");
	states = states_of_crowd(24, NULL);
	states_distinct(states, "new threads of the parent");
	states_free(states);
}

int main(void)
{
	static const int crowds[] = { 1, 5, 24, 60 };
	struct states *states;

	case_begin("states in a forked child", 60);
	libc_needs(getrandom);
	states_begin();
	for (int round = 0; round < (int)scaled(3, 30); round++) {
		for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++) {
			states = states_of_crowd(crowds[i], fork_now);
			states_distinct(states, "threads of the parent");
			states_free(states);
		}
	}
	check(!witness.seen->shared, "nobody came inside with a state that was in use");
	return case_end();
}
