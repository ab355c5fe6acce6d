/* SPDX-License-Identifier: MIT */
/*
 * Large requests. What must stay true: a key is expanded in one process and for one call only, and
 * is then gone.
 */
#include "bulk.h"

#include "draw.h"

/* As the system call and the vDSO: INT_MAX, down to a whole page. */
static size_t at_most(size_t len)
{
	size_t most = INT32_MAX & ~((size_t)core.page_size - 1);

	return len < most ? len : most;
}

/*
 * The draw of the key is a draw like any other, and over before the expansion: a handler that interrupts the
 * latter draws as usual. If it forks, both processes have the key and would return the same bytes. In the
 * child the tail can't have the stamp that was noted before the key was drawn, from the instant of the fork
 * on. Nor has a page that was dropped meanwhile. Then the system call makes the request, which neither can
 * interrupt; so pages that are dropped again and again don't make it endless.
 */
long bulk_draw(void *buf, size_t len, unsigned int flags, chacha_expand *expand)
{
	unsigned char key[CHACHA_KEY] __attribute__((aligned(16)));
	uint64_t stamp = slots_enter();
	bool claimed = false;
	long answer;

	if (unlikely(!slots_hold(stamp))) {
		claimed = slots_claim(stamp, true);
		if (!claimed)
			return draw_from_kernel(buf, len, flags);
		stamp = core_thread.claimed;
	}
	len = at_most(len);
	answer = arch_vdso_call(core.entry, key, sizeof(key), flags, slots_state(slots_begin()), core.state_size);
	if (unlikely(answer < 0))
		return draw_failed(answer);
	slots_leave(len);
	if (unlikely(answer != sizeof(key) || (claimed && !slots_confirm(stamp))))
		return draw_from_kernel(buf, len, flags);
	expand(buf, len, key);
	barrier();
	if (unlikely(!slots_still_hold(stamp)))
		return draw_from_kernel(buf, len, flags);
	return (long)len;
}
