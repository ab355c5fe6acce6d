/* SPDX-License-Identifier: MIT */
/*
 * Promise: a handler on an alternate stack with little more room than the kernel demands may draw, and the stack
 * is not overrun.
 * Source: sigaltstack(2); getrandom(2), which takes no room. 4 KiB beyond the minimum is quality.
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "storm.h"

#include <sys/auxv.h>

#define LIMIT 1000000
#define ROOM 4096
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static struct draws *draws;
static struct storm storm;
static char *bottom;
static size_t size;
static uint64_t elsewhere;

static void handler(int signal)
{
	unsigned char bytes[32];
	int saved = errno;

	storm_strikes(&storm);
	if ((char *)bytes < bottom || (char *)bytes >= bottom + size)
		elsewhere++;
	if (draw(bytes, sizeof(bytes)))
		draws_add(draws, bytes, sizeof(bytes), signal);
	storm_again(&storm);
	errno = saved;
}

/* A stack whose lower neighbour faults. */
static void make_stack(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), least = getauxval(AT_MINSIGSTKSZ);
	stack_t stack = { 0 };
	char *area;

	if (least < (size_t)MINSIGSTKSZ)
		least = MINSIGSTKSZ;
	size = least + ROOM;
	area = mmap(NULL, page + (size + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED || mprotect(area, page, PROT_NONE))
		skip_all("no memory");
	bottom = area + page;
	stack.ss_sp = bottom;
	stack.ss_size = size;
	if (sigaltstack(&stack, NULL))
		skip_all("no alternate stack of %zu bytes: errno %d", size, errno);
}

int main(void)
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESTART };
	unsigned char bytes[16];

	case_begin("a handler on a small alternate stack draws", scaled(120, 900));
	libc_needs(getrandom);
	draws = draws_new(LIMIT + 2 * scaled(10000, 200000));
	make_stack();
	sigaction(SIGALRM, &action, NULL);
	if (!storm_begin(&storm, SIGALRM, 10000, scaled(10000, 200000)))
		skip_all("no timer: errno %d", errno);
	for (uint64_t i = 0; storm_rages(&storm); i++)
		if (draw(bytes, sizeof(bytes)) && draws->used < LIMIT)
			draws_add(draws, bytes, sizeof(bytes), i << 8);
	fact("stack", "%zu bytes", size);
	check(!elsewhere, "all handlers ran on the alternate stack");
	outputs_distinct(draws, "handlers on an alternate stack");
	return case_end();
}
