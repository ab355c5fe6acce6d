/* SPDX-License-Identifier: MIT */
/*
 * Promise: handlers that draw may interrupt each other (SA_NODEFER), many deep, and all of them, and the draw at
 * the bottom, get bytes of their own.
 * Source: sigaction(2), SA_NODEFER.
 * Kind: quality
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "storm.h"

#define LIMIT 1000000
#define DEEPEST 50

static struct draws *draws;
static struct storm storm;
static volatile sig_atomic_t depth, deepest;

static void handler(int signal)
{
	unsigned char bytes[16];
	int saved = errno;

	storm_strikes(&storm);
	depth = depth + 1;
	if (depth > deepest)
		deepest = depth;
	if (depth < DEEPEST)	/* from here on another may come */
		storm_again(&storm);
	for (int i = 0; i < 100 && (i < 20 || depth < DEEPEST / 2); i++)
		if (draw(bytes, sizeof(bytes)))
			draws_add(draws, bytes, sizeof(bytes), (uint64_t)signal << 48 | (uint64_t)depth << 32 | (uint64_t)i);
	depth = depth - 1;
	errno = saved;
}

int main(void)
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_NODEFER | SA_RESTART };
	unsigned char bytes[16];

	case_begin("handlers that draw and interrupt each other draw different bytes", scaled(120, 900));
	libc_needs(getrandom);
	draws = draws_new(LIMIT + 100 * scaled(10000, 200000));
	sigaction(SIGALRM, &action, NULL);
	if (!storm_begin(&storm, SIGALRM, 10000, scaled(10000, 200000)))
		skip_all("no timer: errno %d", errno);
	for (uint64_t i = 0; storm_rages(&storm); i++) {
		if (i % 128 == 0)
			storm_again(&storm);
		if (draw(bytes, sizeof(bytes)) && i < LIMIT)
			draws_add(draws, bytes, sizeof(bytes), i);
	}
	fact("deepest", "%d handlers", (int)deepest);
	check(deepest > 1, "handlers interrupted handlers");
	outputs_distinct(draws, "nested handlers");
	return case_end();
}
