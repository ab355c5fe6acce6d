/* SPDX-License-Identifier: MIT */
/* In place of core/slots.c, see slots.h: the slow path of a draw. */
#include "slots.h"

static uint64_t blocks;

bool slots_claim(uint64_t stamp, bool eager)
{
	(void)eager;
	if (stamp == BUSY)
		return false;
	if (stamp != REFUSED && (core_thread.kept || allocator_take())) {
		if (stamp == NEVER)
			core_thread.claimed = __atomic_add_fetch(&blocks, BLOCK, __ATOMIC_RELAXED);
		return true;
	}
	barrier();
	core_thread.stamp = stamp;
	return false;
}
