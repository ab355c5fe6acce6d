/* SPDX-License-Identifier: MIT */
/* vDSO, behind a function */
/*
 * The least that any library can cost which answers getrandom() from the vDSO: it passes the call on, checks nothing,
 * counts nothing, and never gives a state back.
 */
#include "references.h"
#include "worker.h"

static ssize_t (*volatile getrandom)(void *buf, size_t size, unsigned int flags) = thin_getrandom;

static void draw(void *buf, size_t size, long count)
{
	while (count--)
		getrandom(buf, size, 0);
}

const char *contender_prepare(void)
{
	const char *reason = vdso_prepare();

	if (!reason)
		offer("getrandom", draw, ANY_SIZE);
	return reason;
}
