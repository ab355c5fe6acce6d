/* SPDX-License-Identifier: MIT */
/* getentropy(3): at most 256 bytes, all of them or an error. */
#include <errno.h>

#include "fill.h"

#define MOST 256

EXPORT int getentropy(void *buf, size_t len)
{
	char *next = buf;

	if (len > MOST)
		return (int)fail(-EIO);
	while (len) {
		long got = fill(next, len, 0);

		if (got == -EINTR)
			continue;	/* a signal came while the kernel waited for its pool to be seeded */
		if (got < 0)
			return (int)fail(got);
		next += got;
		len -= (size_t)got;
	}
	return 0;
}
