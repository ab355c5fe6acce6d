/* SPDX-License-Identifier: MIT */
/* getrandom(2), and the same under this library's own name. */
#include "draw.h"
#include "libc_errno.h"
#include "export.h"
#include "vgetrandom.h"

EXPORT ssize_t vgetrandom(void *buf, size_t len, unsigned int flags)
{
	return with_errno(draw(buf, len, flags));
}

EXPORT ssize_t getrandom(void *buf, size_t len, unsigned int flags) __attribute__((alias("vgetrandom")));

/* For syscall-ARCH.S: a name that no other library can take over. */
ssize_t vgetrandom_local(void *buf, size_t len, unsigned int flags) __attribute__((alias("vgetrandom")));
