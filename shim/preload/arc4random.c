/* SPDX-License-Identifier: MIT */
/* arc4random(3): bytes or the end of the process, never an error and never fewer. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "draw.h"
#include "export.h"
#include "syscalls.h"

/* As abort(3) does it: a handler is called once, then nothing stops the signal; and this never returns. */
static COLD _Noreturn void die(void)
{
	static const char message[] = "vgetrandom: arc4random: this system offers no random bytes\n";
	int pid = sys_getpid(), tid = sys_gettid();

	sys_write(2, message, sizeof(message) - 1);
	sys_unblock(SIGABRT);
	sys_tgkill(pid, tid, SIGABRT);
	sys_default_action(SIGABRT);
	sys_tgkill(pid, tid, SIGABRT);
	__builtin_trap();
}

/* random(4): /dev/urandom does not wait for the pool to be seeded; /dev/random is readable once it is. */
static bool wait_until_seeded(void)
{
	struct pollfd random = { .events = POLLIN };
	long ready;

	random.fd = (int)sys_open("/dev/random", O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	if (random.fd < 0)
		return false;
	do
		ready = sys_poll(&random, 1);
	while (ready == -EINTR);
	sys_close(random.fd);
	return ready == 1;
}

static COLD void fill_from_device(char *next, size_t len)
{
	int fd;

	if (!wait_until_seeded())
		die();
	fd = (int)sys_open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	if (fd < 0)
		die();
	while (len) {
		long got = sys_read(fd, next, len);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			die();
		next += got;
		len -= (size_t)got;
	}
	sys_close(fd);
}

static void fill_all(char *next, size_t len)
{
	while (len) {
		long got = draw(next, len, 0);

		if (likely(got > 0)) {
			next += got;
			len -= (size_t)got;
		} else if (got == -EFAULT) {
			die();
		} else if (got != -EINTR) {
			/* No such system call, or a filter that denies it. */
			fill_from_device(next, len);
			return;
		}
	}
}

static inline uint32_t draw_number(void)
{
	uint32_t number;

	if (unlikely(draw(&number, sizeof(number), 0) != sizeof(number)))
		fill_all((char *)&number, sizeof(number));
	return number;
}

EXPORT void arc4random_buf(void *buf, size_t len)
{
	fill_all(buf, len);
}

EXPORT uint32_t arc4random(void)
{
	return draw_number();
}

/*
 * The high half of number * bound, for the numbers that leave every result equally likely: Lemire, "Fast Random
 * Integer Generation in an Interval" (ACM TOMACS 29, 2019). One draw is nearly always enough, without a division.
 */
EXPORT uint32_t arc4random_uniform(uint32_t bound)
{
	uint64_t product;

	if (bound < 2)
		return 0;
	product = (uint64_t)draw_number() * bound;
	if (unlikely((uint32_t)product < bound)) {
		uint32_t surplus = -bound % bound;	/* 2^32 mod bound */

		while ((uint32_t)product < surplus)
			product = (uint64_t)draw_number() * bound;
	}
	return (uint32_t)(product >> 32);
}
