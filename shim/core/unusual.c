/* SPDX-License-Identifier: MIT */
/* What draw() passes on: large requests, arguments that getrandom(2) may not accept, and all before the start. */
#include "bulk.h"
#include "chacha/chacha.h"
#include "draw.h"

/* Whether getrandom(2) would accept the arguments. */
static bool acceptable(const void *buf, size_t len, unsigned int flags)
{
	uint64_t offset = (uintptr_t)buf - DRAW_LOWEST;

	return offset < core.user_span && len <= core.user_span - offset && flags <= DRAW_LAST_FLAGS;
}

/* Touches no thread-local storage before draws can come from the vDSO: it may not be set up. */
long draw_unusual(void *buf, size_t len, unsigned int flags)
{
	uint64_t stamp;

	/* Partner: the release in draw_start(). The rest of core is written. */
	if (!__atomic_load_n(&core.small_limit, __ATOMIC_ACQUIRE) || !acceptable(buf, len, flags))
		return platform_getrandom(buf, len, flags);
	if (!core.most_vector) {
		if (len >= chacha_system_call_least && len >= chacha_system_call_from())
			return platform_getrandom(buf, len, flags);
	} else if (len >= chacha_least) {
		chacha_expand *expand = chacha_for(len, core.most_vector);

		if (expand)
			return bulk_draw(buf, len, flags, expand);
	}
	stamp = slots_enter();
	if (!slots_hold(stamp))
		return draw_slowly(buf, len, flags, stamp);
	return draw_from_state(buf, len, flags);
}
