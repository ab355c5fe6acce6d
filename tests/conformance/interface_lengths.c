/* SPDX-License-Identifier: MIT */
/*
 * A draw of any length at any alignment fills all of the buffer and not a byte beside it.
 *
 * Source: getrandom(2), RETURN VALUE; getentropy(3); arc4random_buf(3)
 * Kind: promise
 */
#include "tap.h"
#include "libc.h"

#define MAX	5000
#define MARGIN	64

static unsigned char buffer[MARGIN + 64 + MAX + MARGIN];

/* Draw several times: a byte that was zero each time was not written (wrong once in 2^48). */
static void try(const char *name, size_t length, size_t alignment)
{
	unsigned char *start = buffer + MARGIN + alignment, seen[MAX] = { 0 };
	unsigned char canary = (unsigned char)(length * 31 + alignment);
	size_t i, unwritten = 0, spoiled = 0;
	ssize_t got;
	int turn;

	for (turn = 0; turn < 6; turn++) {
		memset(buffer, canary, sizeof(buffer));
		memset(start, 0, length);
		errno = 0;
		if (!strcmp(name, "getrandom"))
			got = libc.getrandom(start, length, 0);
		else if (!strcmp(name, "getentropy"))
			got = libc.getentropy(start, length) ? -1 : (ssize_t)length;
		else
			libc.arc4random_buf(start, length), got = length;
		expect(got == (ssize_t)length, "%s: %zu bytes at alignment %zu, not %zd", name, length, alignment, got);
		for (i = 0; i < length; i++)
			seen[i] |= start[i];
		for (i = 0; i < MARGIN; i++)
			spoiled += start[-1 - (ssize_t)i] != canary || start[length + i] != canary;
	}
	for (i = 0; i < length; i++)
		unwritten += !seen[i];
	expect(!unwritten, "%s: %zu bytes at alignment %zu: %zu of them stayed zero", name, length, alignment, unwritten);
	expect(!spoiled, "%s: %zu bytes at alignment %zu: %zu bytes beside them changed", name, length, alignment, spoiled);
}

/* Short lengths at every alignment of a cache line; long ones at one that changes from length to length. */
static void try_all(const char *name, size_t max)
{
	size_t length, alignment;

	for (length = 1; length <= max; length++) {
		if (length <= scaled(160, 5000))
			for (alignment = 0; alignment < 64; alignment++)
				try(name, length, alignment);
		else
			try(name, length, length % 64);
	}
	check(!tap->failures, "%s: every length from 1 to %zu", name, max);
}

int main(void)
{
	case_begin("a draw fills its buffer and nothing beside it", full_profile() ? 300 : 60);
	libc_needs(getrandom);
	try_all("getrandom", MAX);
	if (libc.getentropy)
		try_all("getentropy", 256);
	if (libc.arc4random_buf)
		try_all("arc4random_buf", MAX);
	return case_end();
}
