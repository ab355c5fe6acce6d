/* SPDX-License-Identifier: MIT */
/* ChaCha20 as in RFC 8439, for one purpose: to recognise output that was made from an all-zero key. */
#ifndef CONFORM_CHACHA_H
#define CONFORM_CHACHA_H

#include <stdint.h>
#include <string.h>

static inline uint32_t chacha_rotate(uint32_t x, int bits)
{
	return x << bits | x >> (32 - bits);
}

static inline void chacha_quarter(uint32_t x[16], int a, int b, int c, int d)
{
	x[a] += x[b]; x[d] = chacha_rotate(x[d] ^ x[a], 16);
	x[c] += x[d]; x[b] = chacha_rotate(x[b] ^ x[c], 12);
	x[a] += x[b]; x[d] = chacha_rotate(x[d] ^ x[a], 8);
	x[c] += x[d]; x[b] = chacha_rotate(x[b] ^ x[c], 7);
}

/* One block of 64 bytes: key of 32 bytes, zero nonce, 64-bit counter. */
static inline void chacha_block(unsigned char out[64], const unsigned char key[32], uint64_t counter)
{
	uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, x[16];
	int i;

	for (i = 0; i < 8; i++)
		start[4 + i] = key[4 * i] | key[4 * i + 1] << 8 | key[4 * i + 2] << 16 | (uint32_t)key[4 * i + 3] << 24;
	start[12] = (uint32_t)counter;
	start[13] = counter >> 32;
	memcpy(x, start, sizeof(x));
	for (i = 0; i < 10; i++) {
		chacha_quarter(x, 0, 4, 8, 12);
		chacha_quarter(x, 1, 5, 9, 13);
		chacha_quarter(x, 2, 6, 10, 14);
		chacha_quarter(x, 3, 7, 11, 15);
		chacha_quarter(x, 0, 5, 10, 15);
		chacha_quarter(x, 1, 6, 11, 12);
		chacha_quarter(x, 2, 7, 8, 13);
		chacha_quarter(x, 3, 4, 9, 14);
	}
	for (i = 0; i < 16; i++) {
		uint32_t word = x[i] + start[i];

		out[4 * i] = word;
		out[4 * i + 1] = word >> 8;
		out[4 * i + 2] = word >> 16;
		out[4 * i + 3] = word >> 24;
	}
}

#endif
