/* SPDX-License-Identifier: MIT */
/*
 * ChaCha20 for long output, to be included behind rows.h with AVX-512: sixteen blocks at once, where a vector is one word of each.
 * Nothing is turned between the rounds, all of it at the end. This takes as many vectors as only AVX-512 has.
 */

#define WIDE_BYTES (16 * CHACHA_BLOCK)

/* The words of sixteen blocks: four rows of four vectors. */
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

/* The four words of a row, each for every block. */
INLINE void words_spread(row words[4], row x)
{
	words[0] = _mm512_shuffle_epi32(x, _MM_PERM_AAAA);
	words[1] = _mm512_shuffle_epi32(x, _MM_PERM_BBBB);
	words[2] = _mm512_shuffle_epi32(x, _MM_PERM_CCCC);
	words[3] = _mm512_shuffle_epi32(x, _MM_PERM_DDDD);
}

INLINE row words_first(const void *words)
{
	return _mm512_shuffle_epi32(row_same(words), _MM_PERM_AAAA);
}

INLINE row words_counters(uint32_t block)
{
	return row_add(_mm512_set1_epi32((int)block), _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}

INLINE void words_add(row x[4], row y)
{
	row words[4];

	words_spread(words, y);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		x[i] = row_add(x[i], words[i]);
}

/* From four words of each block to a row of each: words[i] becomes that row of blocks i, i + 4, i + 8 and i + 12. */
INLINE void words_to_rows(row words[4])
{
	row ab_low = _mm512_unpacklo_epi32(words[0], words[1]), ab_high = _mm512_unpackhi_epi32(words[0], words[1]);
	row cd_low = _mm512_unpacklo_epi32(words[2], words[3]), cd_high = _mm512_unpackhi_epi32(words[2], words[3]);

	words[0] = _mm512_unpacklo_epi64(ab_low, cd_low);
	words[1] = _mm512_unpackhi_epi64(ab_low, cd_low);
	words[2] = _mm512_unpacklo_epi64(ab_high, cd_high);
	words[3] = _mm512_unpackhi_epi64(ab_high, cd_high);
}

INLINE void words_store(unsigned char *out, struct words *x)
{
	words_to_rows(x->a);
	words_to_rows(x->b);
	words_to_rows(x->c);
	words_to_rows(x->d);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		row block[4];

		transpose(block, x->a[i], x->b[i], x->c[i], x->d[i]);
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++)
			_mm512_storeu_si512(out + (4 * j + i) * CHACHA_BLOCK, block[j]);
	}
}

/*
 * The first `len` bytes, a multiple of WIDE_BYTES. Only the first column has a counter in it: the other three are the same in all blocks
 * until the first diagonals, and are computed once.
 */
NOINLINE void expand_wide(unsigned char *out, size_t len, const unsigned char *key)
{
	struct group columns = { row_same(chacha_words), row_same(key), row_same(key + 16), row_zero() };

	group_columns(&columns);
	for (size_t done = 0; done < len; done += WIDE_BYTES) {
		uint32_t block = (uint32_t)(done / CHACHA_BLOCK);
		struct words x;

		words_spread(x.a, columns.a);
		words_spread(x.b, columns.b);
		words_spread(x.c, columns.c);
		words_spread(x.d, columns.d);
		x.a[0] = words_first(chacha_words);
		x.b[0] = words_first(key);
		x.c[0] = words_first(key + 16);
		x.d[0] = words_counters(block);
		quarter_round(&x.a[0], &x.b[0], &x.c[0], &x.d[0]);
		words_round(&x, 1);
#pragma GCC unroll 1
		for (int i = 1; i < 10; i++) {
			words_round(&x, 0);
			words_round(&x, 1);
		}
		/* What the blocks began with is better made again than kept on the stack. */
		__asm__ volatile("" : "+r"(block), "+v"(columns.a), "+v"(columns.b), "+v"(columns.c), "+v"(columns.d) : : "memory");
		words_add(x.a, row_same(chacha_words));
		words_add(x.b, row_same(key));
		words_add(x.c, row_same(key + 16));
		x.d[0] = row_add(x.d[0], words_counters(block));
		words_store(out + done, &x);
	}
}
