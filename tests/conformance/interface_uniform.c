/* SPDX-License-Identifier: MIT */
/*
 * arc4random_uniform stays below its bound, gives 0 for bounds 0 and 1, and gives every number equally often, for
 * every bound.
 *
 * Source: arc4random_uniform(3): uniformly distributed, avoids modulo bias
 * Kind: promise
 */
#include "tap.h"
#include "libc.h"

/* Chi-square, with six standard deviations as the limit: wrong once in a thousand million. z squared, so no root. */
static void judge(uint32_t bound, const char *by, uint32_t classes, double chi)
{
	double z2 = (chi - (classes - 1)) * (chi - (classes - 1)) / (2.0 * (classes - 1));

	expect(z2 < 60 || chi < classes, "bound %u: chi-square %.1f in %u classes by %s", bound, chi, classes, by);
}

/* By size and by remainder: a bias can hide from either. */
static void distribution(uint32_t bound, uint64_t count)
{
	uint32_t classes = bound < 48 ? bound : 48, class;
	uint64_t by_size[48] = { 0 }, by_rest[48] = { 0 }, i;
	double size_chi = 0, rest_chi = 0, expected;

	for (i = 0; i < count; i++) {
		uint32_t number = libc.arc4random_uniform(bound);

		if (!expect(number < bound, "bound %u: %u is not below it", bound, number))
			return;
		by_size[(uint64_t)number * classes / bound]++;
		by_rest[number % classes]++;
	}
	for (class = 0; class < classes; class++) {
		/* How many numbers fall into this class. */
		uint64_t first = ((uint64_t)class * bound + classes - 1) / classes;
		uint64_t next = ((uint64_t)(class + 1) * bound + classes - 1) / classes;

		expected = (double)count * (double)(next - first) / bound;
		size_chi += (by_size[class] - expected) * (by_size[class] - expected) / expected;
		expected = (double)count * (((uint64_t)bound - class + classes - 1) / classes) / bound;
		rest_chi += (by_rest[class] - expected) * (by_rest[class] - expected) / expected;
	}
	judge(bound, "size", classes, size_chi);
	judge(bound, "remainder", classes, rest_chi);
}

int main(void)
{
	static const uint32_t more[] = { 3, 5, 6, 7, 10, 48, 49, 100, 1000, 3u << 30, 0xfffffffe, 0xaaaaaaab, 0x55555556 };
	uint64_t count = scaled(20000, 1000000);
	uint32_t bit, i, seen = 0;

	case_begin("arc4random_uniform is below its bound and unbiased", full_profile() ? 300 : 60);
	libc_needs(arc4random_uniform);
	for (i = 0; i < 1000; i++)
		seen |= libc.arc4random_uniform(0) | libc.arc4random_uniform(1);
	check(!seen, "bounds 0 and 1 give 0");
	for (bit = 1; bit < 32; bit++) {
		distribution((1u << bit) - (bit > 1), count);
		distribution(1u << bit, count);
		distribution((1u << bit) + 1, count);
	}
	distribution(0xffffffff, count);
	check(!tap->failures, "powers of two and their neighbours: %llu numbers each", (unsigned long long)count);
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		distribution(more[i], 10 * count);
	check(!tap->failures, "bounds where a remainder would show a bias: %llu numbers each", (unsigned long long)(10 * count));
	return case_end();
}
