/* SPDX-License-Identifier: MIT */
/* getrandom(2) as glibc offers it, in place of the one in sysdeps/unix/sysv/linux/. */
#include <sys/random.h>
#include <errno.h>
#include <sysdep-cancel.h>

#include "draw.h"

static inline ssize_t answer(long result)
{
	if (unlikely(result < 0)) {
		__set_errno(-result);
		return -1;
	}
	return result;
}

/* For arc4random and getentropy, which are no cancellation points. */
ssize_t __getrandom_nocancel(void *buf, size_t len, unsigned int flags)
{
	return answer(draw(buf, len, flags));
}

/*
 * A cancellation point where it waits: before the kernel's generator is ready. core must not be left by
 * cancellation, so it is asked not to wait.
 */
ssize_t __getrandom(void *buf, size_t len, unsigned int flags)
{
	long result = draw(buf, len, flags | GRND_NONBLOCK);

	if (unlikely(result == -EAGAIN && !(flags & GRND_NONBLOCK)))
		return SYSCALL_CANCEL(getrandom, buf, len, flags);
	return answer(result);
}
libc_hidden_def(__getrandom)
weak_alias(__getrandom, getrandom)
