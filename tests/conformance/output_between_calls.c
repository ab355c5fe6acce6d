/* SPDX-License-Identifier: MIT */
/*
 * Nothing passes from one draw to the next: for every length from 1 to 48 no byte of a draw depends on any byte of
 * the draw before, and no place in a buffer is biased.
 *
 * Source: getrandom(2). Eight standard deviations, because of the many comparisons
 * Kind: promise
 */
#include "tap.h"
#include "libc.h"

#define LONGEST	48

static uint32_t equal[LONGEST][LONGEST];	/* draws whose byte i is byte j of the one before */
static uint32_t value[LONGEST][256];

static void one(size_t length, uint32_t turns, void (*ask)(void *, size_t), const char *name)
{
	unsigned char bytes[2][LONGEST];
	double expected = turns / 256.0, z2;
	uint32_t turn;
	size_t i, j;

	memset(equal, 0, sizeof(equal));
	memset(value, 0, sizeof(value));
	ask(bytes[0], length);
	for (turn = 1; turn <= turns; turn++) {
		const unsigned char *now = bytes[turn % 2], *before = bytes[!(turn % 2)];

		ask(bytes[turn % 2], length);
		for (i = 0; i < length; i++) {
			value[i][now[i]]++;
			for (j = 0; j < length; j++)
				equal[i][j] += now[i] == before[j];
		}
	}
	for (i = 0; i < length; i++) {
		double chi = 0;

		for (j = 0; j < length; j++) {
			z2 = (equal[i][j] - expected) * (equal[i][j] - expected) / expected;
			expect(z2 < 64, "%s of %zu bytes: byte %zu is byte %zu of the draw before %u times, expected %.0f", name, length,
			       i, j, equal[i][j], expected);
		}
		for (j = 0; j < 256; j++)
			chi += (value[i][j] - expected) * (value[i][j] - expected) / expected;
		expect((chi - 255) * (chi - 255) / 510 < 64, "%s of %zu bytes: chi-square of byte %zu is %.0f", name, length, i, chi);
	}
}

static void ask_getrandom(void *bytes, size_t length)
{
	draw(bytes, length);
}

static void ask_getentropy(void *bytes, size_t length)
{
	expect(!libc.getentropy(bytes, length), "getentropy succeeds");
}

static void ask_arc4random(void *bytes, size_t length)
{
	uint32_t word = libc.arc4random();

	memcpy(bytes, &word, length);
}

static void ask_arc4random_buf(void *bytes, size_t length)
{
	libc.arc4random_buf(bytes, length);
}

int main(void)
{
	uint32_t turns = scaled(20000, 200000);
	size_t length;

	case_begin("nothing passes from one draw to the next", full_profile() ? 300 : 60);
	libc_needs(getrandom);
	for (length = 1; length <= LONGEST; length++) {
		one(length, turns, ask_getrandom, "getrandom");
		if (libc.getentropy && length % 8 < 2)
			one(length, turns, ask_getentropy, "getentropy");
		if (libc.arc4random_buf && length % 8 < 2)
			one(length, turns, ask_arc4random_buf, "arc4random_buf");
	}
	if (libc.arc4random)
		one(4, 10 * turns, ask_arc4random, "arc4random");
	check(!tap->failures, "lengths from 1 to %d, %u draws each", LONGEST, turns);
	return case_end();
}
