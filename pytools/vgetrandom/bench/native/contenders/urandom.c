/* SPDX-License-Identifier: MIT */
/* /dev/urandom */
/* Read through a descriptor that stays open. */
#include <fcntl.h>
#include <unistd.h>

#include "worker.h"

static int device;

static void draw(void *buf, size_t size, long count)
{
	while (count--)
		if (read(device, buf, size) < 0)
			give_up("/dev/urandom can't be read");
}

const char *contender_prepare(void)
{
	device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	if (device < 0)
		return "/dev/urandom can't be opened";
	offer("read", draw, ANY_SIZE);
	return NULL;
}
