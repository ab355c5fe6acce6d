/* SPDX-License-Identifier: MIT */
/*
 * A long stream, made of draws of many lengths by every function, looks random: frequency of ones, runs, serial
 * correlation of bits and bytes, chi-square of bytes and of pairs.
 *
 * Source: NIST SP 800-22, 2.1 and 2.3; Knuth, The Art of Computer Programming, 3.3.2; each threshold is six standard
 *	deviations: wrong once in a thousand million
 * Kind: quality
 */
#include "tap.h"
#include "libc.h"

#define PIECE	(1 << 20)

static unsigned char stream[PIECE];
static uint64_t bytes_seen[256], pairs_seen[65536], ones, bits, changes;
static int64_t products;		/* of neighbouring bytes, as signed numbers: zero on average */

/* Fill the piece by draws of lengths from 1 to some hundred, now and then a long one, each by another function. */
static void fill(uint64_t *choices)
{
	size_t at = 0;

	while (at < PIECE) {
		uint64_t choice = next_random(choices);
		size_t length = choice % 64 ? 1 + choice / 64 % 300 : 1 + choice / 64 % 20000;

		if (length > PIECE - at)
			length = PIECE - at;
		switch (choice >> 60) {
		case 0:
			length = length > 256 ? 256 : length;
			if (libc.getentropy)
				expect(!libc.getentropy(stream + at, length), "getentropy succeeds");
			else
				draw(stream + at, length);
			break;
		case 1:
			if (libc.arc4random_buf)
				libc.arc4random_buf(stream + at, length);
			else
				draw(stream + at, length);
			break;
		case 2:
			if (libc.arc4random && length >= 4) {
				uint32_t word = libc.arc4random();

				memcpy(stream + at, &word, length = 4);
				break;
			}
			/* fall through */
		default:
			draw(stream + at, length);
		}
		at += length;
	}
}

static void count(void)
{
	static int last_bit = -1;
	static unsigned char last;
	size_t i;

	for (i = 0; i < PIECE; i++) {
		unsigned char byte = stream[i];

		bytes_seen[byte]++;
		pairs_seen[last << 8 | byte]++;
		ones += __builtin_popcount(byte);
		products += ((int)last * 2 - 255) * ((int)byte * 2 - 255);
		/* Bits in the order from low to high: neighbours that differ, within the byte and to the one before. */
		changes += __builtin_popcount((byte ^ byte >> 1) & 0x7f) + (last_bit >= 0 && last_bit != (byte & 1));
		last_bit = byte >> 7;
		last = byte;
	}
	bits += 8 * (uint64_t)PIECE;
}

/* Whether a value is within six standard deviations of what is expected; no square root needed. */
static void within(const char *what, double value, double expected, double variance)
{
	double z2 = (value - expected) * (value - expected) / variance;

	check(z2 < 36, "%s: %.0f, expected %.0f, z squared %.2f", what, value, expected, z2);
}

static double chi_square(const uint64_t *seen, unsigned int classes, double expected)
{
	double chi = 0;
	unsigned int i;

	for (i = 0; i < classes; i++)
		chi += (seen[i] - expected) * (seen[i] - expected) / expected;
	return chi;
}

int main(void)
{
	uint64_t choices, megabytes = scaled(64, 256), i;
	double total = (double)megabytes * PIECE;
	/* The mean square of an odd number from -255 to 255. */
	const double square = (256.0 * 256.0 - 1) / 3;

	case_begin("the stream looks random", full_profile() ? 300 : 60);
	libc_needs(getrandom);
	choices = case_seed;
	for (i = 0; i < megabytes; i++) {
		fill(&choices);
		count();
	}
	within("ones", (double)ones, bits / 2.0, bits / 4.0);
	within("changes from bit to bit", (double)changes, bits / 2.0, bits / 4.0);
	within("products of neighbouring bytes", (double)products, 0, total * square * square);
	within("chi-square of bytes", chi_square(bytes_seen, 256, total / 256), 255, 2 * 255);
	within("chi-square of pairs", chi_square(pairs_seen, 65536, total / 65536), 65535, 2 * 65535);
	return case_end();
}
