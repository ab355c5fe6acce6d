/* SPDX-License-Identifier: MIT */
/* libbsd */
/* Its arc4random: a ChaCha20 generator in the process, seeded by getentropy. */
#include <stdint.h>
#include <string.h>

#include "worker.h"

static void (*arc4random_buf)(void *buf, size_t size);
static uint32_t (*arc4random)(void);
static uint32_t (*arc4random_uniform)(uint32_t bound);

static void draw_buf(void *buf, size_t size, long count)
{
	while (count--)
		arc4random_buf(buf, size);
}

static void draw_number(void *buf, size_t size, long count)
{
	(void)size;
	while (count--)
		*(volatile uint32_t *)buf = arc4random();
}

static void draw_uniform(void *buf, size_t size, long count)
{
	(void)size;
	while (count--)
		*(volatile uint32_t *)buf = arc4random_uniform(1000);
}

const char *contender_prepare(void)
{
	void *libbsd = library("libbsd.so.0");

	if (!libbsd)
		return "libbsd.so.0 is not installed (Debian: libbsd0)";
	arc4random_buf = symbol(libbsd, "arc4random_buf");
	arc4random = symbol(libbsd, "arc4random");
	arc4random_uniform = symbol(libbsd, "arc4random_uniform");
	if (!arc4random_buf || !arc4random || !arc4random_uniform)
		return "libbsd.so.0 has no arc4random";
	offer("arc4random_buf", draw_buf, ANY_SIZE);
	offer("arc4random", draw_number, 0);
	offer("arc4random_uniform", draw_uniform, 0);
	return NULL;
}
