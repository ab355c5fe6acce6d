/* SPDX-License-Identifier: MIT */
/*
 * ChaCha20 for long output, to be included behind rows.h: four times as many blocks as a row has at
 * once, where a vector is one word of each. Nothing is turned between the rounds; the end turns all.
 *
 * The including file defines, beside what rows.h needs:
 *   row_word(uint32_t)		one word, everywhere
 *   row_numbers(uint32_t n)	n, n + 1, ... for as many blocks
 *   row_zip_low, row_zip_high	words of the two halves of each four, in turn; the same _pairs of words
 */

#define WIDE_BYTES (4 * ROW_BLOCKS * CHACHA_BLOCK)

/* Four rows of four vectors. */
struct words {
	row a[4], b[4], c[4], d[4];
};

/* The four columns, or with `turn` 1 the four diagonals. */
INLINE void words_round(struct words *x, const int turn)
{
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		quarter_round(&x->a[i], &x->b[(i + turn) % 4], &x->c[(i + 2 * turn) % 4], &x->d[(i + 3 * turn) % 4]);
}

INLINE uint32_t word_at(const unsigned char *bytes)
{
	uint32_t word;

	__builtin_memcpy(&word, bytes, sizeof(word));
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap32(word);
}

/*
 * Four words, each for every block. Loads do not use the arithmetic units, which are the bottleneck.
 */
INLINE void words_same(row words[4], const unsigned char from[16])
{
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		words[i] = row_word(word_at(from + 4 * i));
}

INLINE void words_add(row x[4], const unsigned char from[16])
{
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		x[i] = row_add(x[i], row_word(word_at(from + 4 * i)));
}

/* From four words of each block to a row of each: words[i] becomes that row of blocks i, i + 4 and so on. */
INLINE void words_to_rows(row words[4])
{
	row ab_low = row_zip_low(words[0], words[1]), ab_high = row_zip_high(words[0], words[1]);
	row cd_low = row_zip_low(words[2], words[3]), cd_high = row_zip_high(words[2], words[3]);

	words[0] = row_zip_low_pairs(ab_low, cd_low);
	words[1] = row_zip_high_pairs(ab_low, cd_low);
	words[2] = row_zip_low_pairs(ab_high, cd_high);
	words[3] = row_zip_high_pairs(ab_high, cd_high);
}

INLINE void words_store(unsigned char *out, struct words *x)
{
	words_to_rows(x->a);
	words_to_rows(x->b);
	words_to_rows(x->c);
	words_to_rows(x->d);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		row_store(out + i * CHACHA_BLOCK, 4 * CHACHA_BLOCK, x->a[i]);
		row_store(out + i * CHACHA_BLOCK + 16, 4 * CHACHA_BLOCK, x->b[i]);
		row_store(out + i * CHACHA_BLOCK + 32, 4 * CHACHA_BLOCK, x->c[i]);
		row_store(out + i * CHACHA_BLOCK + 48, 4 * CHACHA_BLOCK, x->d[i]);
	}
}

/*
 * The first `len` bytes, a multiple of WIDE_BYTES. Only the first column has a counter in it. The other three are
 * the same in all blocks until the first diagonals, so they are computed once. `spare` is room for a group.
 */
NOINLINE void expand_wide(unsigned char *out, size_t len, const unsigned char *key, unsigned char *spare)
{
	struct group g = { row_same(chacha_words), row_same(key), row_same(key + 16), row_zero() };

	group_columns(&g);
	group_store(spare, &g);
	for (size_t done = 0; done < len; done += WIDE_BYTES) {
		row counters = row_numbers((uint32_t)(done / CHACHA_BLOCK));
		struct words x;

		words_same(x.a, spare);
		words_same(x.b, spare + 16);
		words_same(x.c, spare + 32);
		words_same(x.d, spare + 48);
		x.a[0] = row_word(word_at(chacha_words));
		x.b[0] = row_word(word_at(key));
		x.c[0] = row_word(word_at(key + 16));
		x.d[0] = counters;
		quarter_round(&x.a[0], &x.b[0], &x.c[0], &x.d[0]);
		words_round(&x, 1);
#pragma GCC unroll 1
		for (int i = 1; i < 10; i++) {
			words_round(&x, 0);
			words_round(&x, 1);
		}
		__asm__ volatile("" : : : "memory");	/* loading the first words again costs less than keeping them */
		words_add(x.a, chacha_words);
		words_add(x.b, key);
		words_add(x.c, key + 16);
		x.d[0] = row_add(x.d[0], counters);
		words_store(out + done, &x);
	}
}
