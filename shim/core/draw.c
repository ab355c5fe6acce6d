/* SPDX-License-Identifier: MIT */
/* The one way to get bytes. What must stay true: every byte is made during the call that returns it. */
#include "draw.h"

#include "chacha/chacha.h"

#define ONCE 256	/* bytes of a first draw up to which the system call costs less than a new state */

/*
 * The kernel's own limit of user memory can't be asked for. The stack and the vDSO are near the top of the
 * address space, wherever this kernel puts it: the next power of two is the limit, or just below it.
 */
static uint64_t user_span(uint64_t high)
{
	return (UINT64_C(2) << (63 - __builtin_clzll(high))) - 2 * 4096;
}

void draw_start(uint64_t high, uint32_t most_vector)
{
	const uint32_t least = most_vector ? chacha_least : chacha_system_call_least;

	core.user_span = user_span(high);
	core.most_vector = most_vector;
	core.first = &core_thread;
	core.large = least <= DRAW_SMALL ? least : DRAW_SMALL + 1;
	/* Partner: the acquire in draw_unusual(), and the one in draw_slowly(). */
	__atomic_store_n(&core.small_limit, core.user_span - DRAW_SMALL, __ATOMIC_RELEASE);
}

COLD long draw_slowly(void *buf, size_t len, unsigned int flags, uint64_t stamp)
{
	/* Partner: the release in draw_start(). A thread that was there before may have seen no more than the limit. */
	(void)__atomic_load_n(&core.small_limit, __ATOMIC_ACQUIRE);
	if (slots_claim(stamp, len > ONCE)) {
		long answer;

		stamp = core_thread.claimed;
		answer = draw_from_state(buf, len, flags);
		if (answer < 0 || slots_confirm(stamp))
			return answer;
	}
	return draw_from_kernel(buf, len, flags);
}

COLD long draw_from_kernel(void *buf, size_t len, unsigned int flags)
{
	long answer = platform_getrandom(buf, len, flags);

	if (answer >= 0)
		slots_answered();
	return answer;
}

COLD long draw_failed(long answer)
{
	slots_leave(0);
	core_thread.stamp = REFUSED;
	return answer;
}
