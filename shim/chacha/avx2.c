/* SPDX-License-Identifier: MIT */
/* ChaCha20 with AVX2: two blocks a row. */
#include "chacha.h"

#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define OPERATION static inline __attribute__((always_inline)) TARGET

typedef __m256i row;
#define ROW_BLOCKS 2
#define GROUPS 4
#define SPILLED 832

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
OPERATION row row_counters(uint32_t n) { return _mm256_set_epi32(0, 0, 0, (int)(n + 1), 0, 0, 0, (int)n); }

OPERATION void block_store(unsigned char *out, row ab, row cd)
{
	_mm256_storeu_si256((row *)out, ab);
	_mm256_storeu_si256((row *)(out + 32), cd);
}

OPERATION void group_store(unsigned char *out, row a, row b, row c, row d)
{
	block_store(out, _mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(c, d, 0x20));
	block_store(out + 64, _mm256_permute2x128_si256(a, b, 0x31), _mm256_permute2x128_si256(c, d, 0x31));
}

OPERATION void clear_registers(void)
{
	__asm__ volatile("vzeroall" : : : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
			 "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

#include "rows.h"

/* Nothing is quicker than rows: */
#define WIDE_BYTES SIZE_MAX
#define expand_wide(out, len, key) ((void)(out))

#include "expand.h"

TARGET void chacha_avx2(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
