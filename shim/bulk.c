/* SPDX-License-Identifier: MIT */
/*
 * Large requests. What must stay true: a key is expanded in one process and for one call only, and
 * is then gone.
 */
#include "bulk.h"

#include <limits.h>

#include "fill.h"

/* As the system call and the vDSO: INT_MAX, down to a whole page. */
static size_t at_most(size_t len)
{
	size_t most = INT_MAX & ~((size_t)process.page_size - 1);

	return len < most ? len : most;
}

/*
 * The draw of the key is a draw like any other, and over before the expansion: a handler that
 * interrupts the latter draws as usual. If it forks, both processes have the key and would return
 * the same bytes. The child's epoch word is not what it was, from the instant of the fork on: it
 * begins again with a key of its own. In the parent nothing has changed.
 */
long bulk_fill(void *buf, size_t len, unsigned int flags, chacha_expand *expand)
{
	unsigned char key[CHACHA_KEY] __attribute__((aligned(16)));
	uint64_t epoch;

	len = at_most(len);
	do {
		long answer;

		epoch = slots_enter();
		if (unlikely(epoch != epoch_word())) {
			if (!slots_claim(epoch))
				return by_system_call(buf, len, flags);
			epoch = thread.claimed;
		}
		answer = arch_vdso_call((vdso_getrandom *)process.entry, key, sizeof(key), flags, thread.state, process.state_size);
		if (unlikely(answer != sizeof(key))) {
			fill_nothing(answer);
			return answer < 0 ? answer : by_system_call(buf, len, flags);
		}
		slots_leave(len);
		expand(buf, len, key);
		barrier();
	} while (unlikely(epoch != epoch_word()));
	return (long)len;
}
