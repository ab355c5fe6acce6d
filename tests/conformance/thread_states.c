/* SPDX-License-Identifier: MIT */
/*
 * Threads that are inside the vDSO's getrandom at once are there with states of their own: no two with the same,
 * each aligned, within one page, in memory that the kernel may drop or that nothing else can read: wiped in a
 * forked child and left out of core dumps.
 *
 * Source: lib/vdso/getrandom.c in Linux, __cvdso_getrandom_data(): opaque_state is not shared between threads
 *	without locking and does not straddle a page; include/uapi/linux/random.h, struct vgetrandom_opaque_params
 * Kind: promise
 */
#include "states.h"

int main(void)
{
	static const int crowds[] = { 2, 24, 200, 5000 };	/* threads; the last in the full profile */
	struct states *states;

	case_begin("states of threads that draw at once", scaled(60, 300));
	libc_needs(getrandom);
	states_begin();
	for (size_t i = 0; i < scaled(3, 4); i++) {
		states = states_of_crowd(crowds[i], NULL);
		states_distinct(states, "threads");
		states_good(states, "threads");
		states_free(states);
	}
	check(!witness.seen->shared, "nobody came inside with a state that was in use");
	return case_end();
}
