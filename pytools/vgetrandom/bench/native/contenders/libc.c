/* SPDX-License-Identifier: MIT */
/* libc */
/*
 * The interface that the library overrides, as a program calls it: whatever libc this worker is started with, and
 * whatever is preloaded before it.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "worker.h"

#define BOUND 1000

static ssize_t (*getrandom)(void *buf, size_t size, unsigned int flags);
static int (*getentropy)(void *buf, size_t size);
static void (*arc4random_buf)(void *buf, size_t size);
static uint32_t (*arc4random)(void);
static uint32_t (*arc4random_uniform)(uint32_t bound);
static long (*by_number)(long number, ...);

static void draw_getrandom(void *buf, size_t size, long count)
{
	while (count--)
		getrandom(buf, size, 0);
}

static void draw_getentropy(void *buf, size_t size, long count)
{
	while (count--)
		getentropy(buf, size);
}

static void draw_arc4random_buf(void *buf, size_t size, long count)
{
	while (count--)
		arc4random_buf(buf, size);
}

static void draw_arc4random(void *buf, size_t size, long count)
{
	(void)size;
	while (count--)
		*(volatile uint32_t *)buf = arc4random();
}

static void draw_arc4random_uniform(void *buf, size_t size, long count)
{
	(void)size;
	while (count--)
		*(volatile uint32_t *)buf = arc4random_uniform(BOUND);
}

static void draw_syscall(void *buf, size_t size, long count)
{
	while (count--)
		by_number(SYS_getrandom, buf, size, 0);
}

const char *contender_prepare(void)
{
	getrandom = symbol(NULL, "getrandom");
	getentropy = symbol(NULL, "getentropy");
	arc4random_buf = symbol(NULL, "arc4random_buf");
	arc4random = symbol(NULL, "arc4random");
	arc4random_uniform = symbol(NULL, "arc4random_uniform");
	by_number = symbol(NULL, "syscall");
	if (getrandom)
		offer("getrandom", draw_getrandom, ANY_SIZE);
	if (getentropy)
		offer("getentropy", draw_getentropy, 256);
	if (arc4random_buf)
		offer("arc4random_buf", draw_arc4random_buf, ANY_SIZE);
	if (arc4random)
		offer("arc4random", draw_arc4random, 0);
	if (arc4random_uniform)
		offer("arc4random_uniform", draw_arc4random_uniform, 0);
	if (by_number)
		offer("syscall", draw_syscall, ANY_SIZE);
	return NULL;
}
