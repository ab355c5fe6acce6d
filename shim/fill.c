/* SPDX-License-Identifier: MIT */
/* The one way to get bytes. What must stay true: every byte is made during the call that returns it. */
#include "fill.h"

#include "bulk.h"

#include <errno.h>
#include <stdbool.h>

#include "syscalls.h"

#define ONCE 256	/* bytes of a first draw up to which the system call costs less than to claim a slot */

COLD long by_system_call(void *buf, size_t len, unsigned int flags)
{
	__atomic_fetch_add(&epoch_page.epoch.fallbacks, 1, __ATOMIC_RELAXED);
	return sys_getrandom(buf, len, flags);
}

/* Whether getrandom(2) would accept the arguments. */
static bool acceptable(const void *buf, size_t len, unsigned int flags)
{
	uint64_t offset = (uintptr_t)buf - LOWEST;

	return offset < process.user_span && len <= process.user_span - offset && flags <= LAST_FLAGS;
}

/* Touches no thread-local storage before the constructor has run. */
long fill_unusual(void *buf, size_t len, unsigned int flags)
{
	uint64_t epoch;

	if (!process_ready() || !acceptable(buf, len, flags))
		return by_system_call(buf, len, flags);
	if (process.most_vector == VGETRANDOM_VECTOR_NONE) {
		if (len >= chacha_system_call_least && len >= chacha_system_call_from())
			return sys_getrandom(buf, len, flags);
	} else if (len >= chacha_least) {
		chacha_expand *expand = chacha_for(len, process.most_vector);

		if (expand)
			return bulk_fill(buf, len, flags, expand);
	}
	epoch = slots_enter();
	if (epoch != epoch_word())
		return fill_slowly(buf, len, flags, epoch);
	return fill_from_state(buf, len, flags);
}

COLD long fill_slowly(void *buf, size_t len, unsigned int flags, uint64_t epoch)
{
	if (len <= ONCE && slots_claim_later(epoch))
		return sys_getrandom(buf, len, flags);
	return slots_claim(epoch) ? fill_from_state(buf, len, flags) : by_system_call(buf, len, flags);
}

COLD long fill_nothing(long answer)
{
	slots_leave(0);
	return answer;
}

WEAK int *__errno_location(void);

bool fail_has_errno(void)
{
	return __errno_location != NULL;
}

COLD long fail(long answer)
{
	if (process_relocated() && fail_has_errno())
		errno = (int)-answer;
	return -1;
}
