/* SPDX-License-Identifier: MIT */
/*
 * ChaCha20 for vectors of any width, to be included by the file for one kind of vector. A block's
 * 16 words are four rows of four; a `row` is that row of ROW_BLOCKS consecutive blocks. So a
 * quarter round works on four columns of each block at once, and the diagonals become columns when
 * each row is turned by its number (RFC 8439, section 2.3). Several groups of blocks are computed
 * side by side, so that the processor does not wait for one result before it begins the next.
 *
 * The including file defines, all with the attribute TARGET:
 *   row, ROW_BLOCKS		the vector, and how many blocks it has a row of
 *   row_add, row_xor		word by word
 *   row_left_16, _12, _8, _7	each word rotated to the left
 *   row_turn_1, _2, _3		each block's four words: the word at i + n comes to i
 *   row_same(const void *)	16 bytes, for every block
 *   row_counters(uint32_t n)	first words n, n + 1, ... ; the others zero
 *   row_zero()
 *   row_store(out, apart, x)	the four words of each block, `apart` bytes from each other
 *   clear_registers()		zeros in every vector register
 */
#define GROUP_BYTES (ROW_BLOCKS * CHACHA_BLOCK)
#define INLINE static inline __attribute__((always_inline)) TARGET
#define NOINLINE static __attribute__((noinline)) TARGET

/* The cipher's four constant words, as bytes: each four are a little-endian word, as in the key. */
static const unsigned char chacha_words[16] __attribute__((aligned(16))) = {
	'e', 'x', 'p', 'a', 'n', 'd', ' ', '3', '2', '-', 'b', 'y', 't', 'e', ' ', 'k',
};

struct group {
	row a, b, c, d;
};

/* RFC 8439, section 2.1. */
INLINE void quarter_round(row *a, row *b, row *c, row *d)
{
	*a = row_add(*a, *b);
	*d = row_left_16(row_xor(*d, *a));
	*c = row_add(*c, *d);
	*b = row_left_12(row_xor(*b, *c));
	*a = row_add(*a, *b);
	*d = row_left_8(row_xor(*d, *a));
	*c = row_add(*c, *d);
	*b = row_left_7(row_xor(*b, *c));
}

INLINE void group_columns(struct group *g)
{
	quarter_round(&g->a, &g->b, &g->c, &g->d);
}

INLINE void group_double_round(struct group *g)
{
	group_columns(g);
	g->b = row_turn_1(g->b);
	g->c = row_turn_2(g->c);
	g->d = row_turn_3(g->d);
	group_columns(g);
	g->b = row_turn_3(g->b);
	g->c = row_turn_2(g->c);
	g->d = row_turn_1(g->d);
}

/* ROW_BLOCKS blocks. */
INLINE void group_store(unsigned char *out, const struct group *g)
{
	row_store(out, CHACHA_BLOCK, g->a);
	row_store(out + 16, CHACHA_BLOCK, g->b);
	row_store(out + 32, CHACHA_BLOCK, g->c);
	row_store(out + 48, CHACHA_BLOCK, g->d);
}

/*
 * The first `len` bytes of the blocks from `block` on, as far as `groups` groups go. `groups` is a constant. A
 * group of which only a part is wanted goes to `spare`.
 */
INLINE void expand_groups(unsigned char *out, size_t len, const unsigned char *key, uint32_t block, unsigned char *spare,
			  const int groups)
{
	struct group g[4];

#pragma GCC unroll 4
	for (int i = 0; i < groups; i++) {
		g[i].a = row_same(chacha_words);
		g[i].b = row_same(key);
		g[i].c = row_same(key + 16);
		g[i].d = row_counters(block + (uint32_t)i * ROW_BLOCKS);
	}
#pragma GCC unroll 1
	for (int i = 0; i < 10; i++) {
#pragma GCC unroll 4
		for (int j = 0; j < groups; j++)
			group_double_round(&g[j]);
	}
	/* The first rows are made again: that costs less than keeping them on the stack. */
	__asm__ volatile("" : "+r"(block) : : "memory");
#pragma GCC unroll 4
	for (int i = 0; i < groups; i++) {
		const size_t before = (size_t)i * GROUP_BYTES;

		g[i].a = row_add(g[i].a, row_same(chacha_words));
		g[i].b = row_add(g[i].b, row_same(key));
		g[i].c = row_add(g[i].c, row_same(key + 16));
		g[i].d = row_add(g[i].d, row_counters(block + (uint32_t)i * ROW_BLOCKS));
		group_store(len >= before + GROUP_BYTES ? out + before : spare, &g[i]);
		if (len <= before + GROUP_BYTES)
			return;
	}
}
