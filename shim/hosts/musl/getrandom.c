/* SPDX-License-Identifier: MIT */
/* musl's getrandom(2), in place of the one in src/linux/. getentropy() calls it. */
#include <sys/random.h>

#include "draw.h"

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	return __syscall_ret(draw(buf, len, flags));
}
