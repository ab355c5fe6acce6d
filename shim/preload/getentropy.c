/* SPDX-License-Identifier: MIT */
/* getentropy(3): at most 256 bytes, all of them or an error. */
#include <errno.h>

#include "draw.h"
#include "libc_errno.h"
#include "export.h"

#define MOST 256

EXPORT int getentropy(void *buf, size_t len)
{
	char *next = buf;

	if (len > MOST)
		return (int)libc_errno_return(-EIO);
	while (len) {
		long got = draw(next, len, 0);

		if (got == -EINTR)
			continue;	/* a signal came while the kernel waited for its pool to be seeded */
		/* Zero: a filter or a tracer that makes up answers. glibc says EIO too. */
		if (got <= 0)
			return (int)libc_errno_return(got ? got : -EIO);
		next += got;
		len -= (size_t)got;
	}
	return 0;
}
