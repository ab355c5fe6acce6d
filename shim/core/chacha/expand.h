/* SPDX-License-Identifier: MIT */
/*
 * A whole expansion out of its pieces, to be included behind rows.h and words.h. What must stay
 * true: when it returns, nothing of the key is left in memory or registers.
 *
 * The including file defines SPILLED: how many bytes of stack expand_key() and what it calls may use. A test
 * checks it.
 */

/* At most GROUP_BYTES bytes. */
INLINE void copy(unsigned char *out, const unsigned char *from, size_t len)
{
#pragma GCC unroll 1
	for (size_t i = 0; i + 16 <= len; i += 16)
		__builtin_memcpy(out + i, from + i, 16);
	if (len >= 16)
		__builtin_memcpy(out + len - 16, from + len - 16, 16);
	else
#pragma GCC unroll 1
		for (size_t i = 0; i < len; i++)
			out[i] = from[i];
}

/* One function for each number of groups, so that none uses more stack than it needs. */
#define EXPAND(name, groups) \
	NOINLINE void name(unsigned char *out, size_t len, const unsigned char *key, size_t done, unsigned char *spare) \
	{ \
		expand_groups(out + done, len - done, key, (uint32_t)(done / CHACHA_BLOCK), spare, groups); \
	}
EXPAND(expand_one, 1)
EXPAND(expand_two, 2)
EXPAND(expand_four, 4)

NOINLINE void expand_key(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	const size_t done = len / WIDE_BYTES * WIDE_BYTES;
	unsigned char spare[GROUP_BYTES] __attribute__((aligned(sizeof(row))));

	if (done)
		expand_wide(out, done, key, spare);
	if (len > done + 2 * GROUP_BYTES)
		expand_four(out, len, key, done, spare);
	else if (len > done + GROUP_BYTES)
		expand_two(out, len, key, done, spare);
	else if (len > done)
		expand_one(out, len, key, done, spare);
	if (len % GROUP_BYTES)
		copy(out + len / GROUP_BYTES * GROUP_BYTES, spare, len % GROUP_BYTES);
	for (int i = 0; i < CHACHA_KEY / 8; i++)
		((volatile uint64_t *)key)[i] = 0;
}

/* Clears what expand_key() left on the stack. Both are called from one place, so both begin at the same address. */
NOINLINE void clear_stack(void)
{
	row below[SPILLED / sizeof(row)];

	for (size_t i = 0; i < SPILLED / sizeof(row); i++)
		below[i] = row_zero();
	__asm__ volatile("" : : "r"(below) : "memory");
}

/* The whole of a chacha_expand. */
INLINE void expand(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand_key(out, len, key);
	clear_stack();
	clear_registers();
}
