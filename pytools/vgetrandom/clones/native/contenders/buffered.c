/* SPDX-License-Identifier: MIT */
/* 4 KiB buffer */
/* What many programs do by hand: random bytes of the kernel, taken from a buffer that is filled when it is empty. */
#include <string.h>
#include <sys/random.h>

#include "worker.h"

static unsigned char buffer[4096];
static size_t used = sizeof(buffer);

static void draw(void *buf, size_t size, long count)
{
	while (count--) {
		if (size > sizeof(buffer) - used) {
			if (getrandom(buffer, sizeof(buffer), 0) != sizeof(buffer))
				give_up("getrandom failed");
			used = 0;
		}
		memcpy(buf, buffer + used, size);
		used += size;
	}
}

const char *contender_prepare(void)
{
	offer("buffered", draw, sizeof(buffer));
	return NULL;
}
