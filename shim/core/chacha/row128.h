/* SPDX-License-Identifier: MIT */
/*
 * A row of one block in the compiler's own vector types: whatever vectors of 128 bits the processor
 * has. It defines all that rows.h and words.h ask for but clear_registers(), for a file that defines
 * TARGET, the attribute without which the compiler may not use those vectors, and SPILLED.
 *
 * The including file may define ROW_LEFT, its own way to rotate each word.
 */
#define OPERATION static inline __attribute__((always_inline)) TARGET
#define ROW_BLOCKS 1

typedef uint32_t row __attribute__((vector_size(16)));

/* In memory: bytes, at any address. */
typedef uint8_t row_bytes __attribute__((vector_size(16)));
typedef uint8_t row_memory __attribute__((vector_size(16), aligned(1), may_alias));

/* Elements of x, from 0 on, and of y behind them. GCC has the first of these since version 12. */
#ifdef __clang__
#define ROW_PICK(type, x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define ROW_PICK(type, x, y, ...) __builtin_shuffle(x, y, (type){ __VA_ARGS__ })
#endif

#ifndef ROW_LEFT
#define ROW_LEFT(x, bits) ((x) << (bits) | (x) >> (32 - (bits)))
#endif

OPERATION row row_add(row x, row y) { return x + y; }
OPERATION row row_xor(row x, row y) { return x ^ y; }
OPERATION row row_left_16(row x) { return ROW_LEFT(x, 16); }
OPERATION row row_left_12(row x) { return ROW_LEFT(x, 12); }
OPERATION row row_left_8(row x) { return ROW_LEFT(x, 8); }
OPERATION row row_left_7(row x) { return ROW_LEFT(x, 7); }
OPERATION row row_turn_1(row x) { return ROW_PICK(row, x, x, 1, 2, 3, 0); }
OPERATION row row_turn_2(row x) { return ROW_PICK(row, x, x, 2, 3, 0, 1); }
OPERATION row row_turn_3(row x) { return ROW_PICK(row, x, x, 3, 0, 1, 2); }
OPERATION row row_zero(void) { return (row){ 0, 0, 0, 0 }; }
OPERATION row row_word(uint32_t word) { return (row){ word, word, word, word }; }
OPERATION row row_counters(uint32_t n) { return (row){ n, 0, 0, 0 }; }
OPERATION row row_numbers(uint32_t n) { return row_word(n) + (row){ 0, 1, 2, 3 }; }
OPERATION row row_zip_low(row x, row y) { return ROW_PICK(row, x, y, 0, 4, 1, 5); }
OPERATION row row_zip_high(row x, row y) { return ROW_PICK(row, x, y, 2, 6, 3, 7); }
OPERATION row row_zip_low_pairs(row x, row y) { return ROW_PICK(row, x, y, 0, 1, 4, 5); }
OPERATION row row_zip_high_pairs(row x, row y) { return ROW_PICK(row, x, y, 2, 3, 6, 7); }

/* Between the words of this machine and those of the cipher, which are little-endian. */
OPERATION row_bytes row_little_endian(row_bytes x)
{
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		return x;
	return ROW_PICK(row_bytes, x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

OPERATION row row_same(const void *words)
{
	return (row)row_little_endian((row_bytes)*(const row_memory *)words);
}

OPERATION void row_store(unsigned char *out, size_t apart, row x)
{
	(void)apart;
	*(row_memory *)out = (row_memory)row_little_endian((row_bytes)x);
}
