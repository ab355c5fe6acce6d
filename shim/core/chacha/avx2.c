/* SPDX-License-Identifier: MIT */
/* ChaCha20 with AVX2: two blocks a row. */
#include "chacha.h"

#define _MM_MALLOC_H_INCLUDED	/* immintrin.h would include it, and so stdlib.h */
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define OPERATION static inline __attribute__((always_inline)) TARGET

typedef __m256i row;
#define ROW_BLOCKS 2
#define SPILLED 768

OPERATION row row_add(row x, row y) { return _mm256_add_epi32(x, y); }
OPERATION row row_xor(row x, row y) { return _mm256_xor_si256(x, y); }

OPERATION row row_left_16(row x)
{
	return _mm256_shuffle_epi8(x, _mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2,
						      13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2));
}

OPERATION row row_left_8(row x)
{
	return _mm256_shuffle_epi8(x, _mm256_set_epi8(14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3,
						      14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3));
}

OPERATION row row_left_12(row x) { return _mm256_or_si256(_mm256_slli_epi32(x, 12), _mm256_srli_epi32(x, 20)); }
OPERATION row row_left_7(row x) { return _mm256_or_si256(_mm256_slli_epi32(x, 7), _mm256_srli_epi32(x, 25)); }
OPERATION row row_turn_1(row x) { return _mm256_shuffle_epi32(x, 0x39); }
OPERATION row row_turn_2(row x) { return _mm256_shuffle_epi32(x, 0x4e); }
OPERATION row row_turn_3(row x) { return _mm256_shuffle_epi32(x, 0x93); }
OPERATION row row_same(const void *words) { return _mm256_broadcastsi128_si256(_mm_loadu_si128(words)); }
OPERATION row row_zero(void) { return _mm256_setzero_si256(); }
OPERATION row row_word(uint32_t word) { return _mm256_set1_epi32((int)word); }
OPERATION row row_zip_low(row x, row y) { return _mm256_unpacklo_epi32(x, y); }
OPERATION row row_zip_high(row x, row y) { return _mm256_unpackhi_epi32(x, y); }
OPERATION row row_zip_low_pairs(row x, row y) { return _mm256_unpacklo_epi64(x, y); }
OPERATION row row_zip_high_pairs(row x, row y) { return _mm256_unpackhi_epi64(x, y); }
OPERATION row row_numbers(uint32_t n) { return row_add(row_word(n), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0)); }
OPERATION row row_counters(uint32_t n) { return _mm256_set_epi32(0, 0, 0, (int)(n + 1), 0, 0, 0, (int)n); }

OPERATION void row_store(unsigned char *out, size_t apart, row x)
{
	_mm_storeu_si128((__m128i *)out, _mm256_castsi256_si128(x));
	_mm_storeu_si128((__m128i *)(out + apart), _mm256_extracti128_si256(x, 1));
}

OPERATION void clear_registers(void)
{
	__asm__ volatile("vzeroall" : : : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
			 "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

#include "rows.h"
#include "words.h"
#include "expand.h"

TARGET void chacha_avx2(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
