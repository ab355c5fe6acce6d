/* SPDX-License-Identifier: MIT */
/* ChaCha20 with AVX-512 (F and BW): four blocks a row. */
#include "chacha.h"

#define _MM_MALLOC_H_INCLUDED	/* immintrin.h would include it, and so stdlib.h */
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))
#define OPERATION static inline __attribute__((always_inline)) TARGET

typedef __m512i row;
#define ROW_BLOCKS 4
#define SPILLED 704

OPERATION row row_add(row x, row y) { return _mm512_add_epi32(x, y); }
OPERATION row row_xor(row x, row y) { return _mm512_xor_si512(x, y); }
OPERATION row row_left_16(row x) { return _mm512_rol_epi32(x, 16); }
OPERATION row row_left_12(row x) { return _mm512_rol_epi32(x, 12); }
OPERATION row row_left_8(row x) { return _mm512_rol_epi32(x, 8); }
OPERATION row row_left_7(row x) { return _mm512_rol_epi32(x, 7); }
OPERATION row row_turn_1(row x) { return _mm512_shuffle_epi32(x, _MM_PERM_ADCB); }
OPERATION row row_turn_2(row x) { return _mm512_shuffle_epi32(x, _MM_PERM_BADC); }
OPERATION row row_turn_3(row x) { return _mm512_shuffle_epi32(x, _MM_PERM_CBAD); }
OPERATION row row_same(const void *words) { return _mm512_broadcast_i32x4(_mm_loadu_si128(words)); }
OPERATION row row_zero(void) { return _mm512_setzero_si512(); }
OPERATION row row_word(uint32_t word) { return _mm512_set1_epi32((int)word); }
OPERATION row row_zip_low(row x, row y) { return _mm512_unpacklo_epi32(x, y); }
OPERATION row row_zip_high(row x, row y) { return _mm512_unpackhi_epi32(x, y); }
OPERATION row row_zip_low_pairs(row x, row y) { return _mm512_unpacklo_epi64(x, y); }
OPERATION row row_zip_high_pairs(row x, row y) { return _mm512_unpackhi_epi64(x, y); }

OPERATION row row_numbers(uint32_t n)
{
	return row_add(row_word(n), _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}

OPERATION row row_counters(uint32_t n)
{
	return _mm512_add_epi32(_mm512_maskz_set1_epi32(0x1111, (int)n),
				_mm512_set_epi32(0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0));
}

/*
 * The four parts of a row, `apart` bytes from each other. Extracting straight into memory does not use the
 * arithmetic units.
 */
OPERATION void row_store(unsigned char *out, size_t apart, row x)
{
	_mm_storeu_si128((__m128i *)out, _mm512_castsi512_si128(x));
	__asm__("vextracti32x4 $1, %1, %0" : "=m"(*(__m128i_u *)(out + apart)) : "v"(x));
	__asm__("vextracti32x4 $2, %1, %0" : "=m"(*(__m128i_u *)(out + 2 * apart)) : "v"(x));
	__asm__("vextracti32x4 $3, %1, %0" : "=m"(*(__m128i_u *)(out + 3 * apart)) : "v"(x));
}

OPERATION void clear_registers(void)
{
	__asm__ volatile("vzeroall\n\t"
			 "vpxord %%zmm16, %%zmm16, %%zmm16\n\t"
			 "vpxord %%zmm17, %%zmm17, %%zmm17\n\t"
			 "vpxord %%zmm18, %%zmm18, %%zmm18\n\t"
			 "vpxord %%zmm19, %%zmm19, %%zmm19\n\t"
			 "vpxord %%zmm20, %%zmm20, %%zmm20\n\t"
			 "vpxord %%zmm21, %%zmm21, %%zmm21\n\t"
			 "vpxord %%zmm22, %%zmm22, %%zmm22\n\t"
			 "vpxord %%zmm23, %%zmm23, %%zmm23\n\t"
			 "vpxord %%zmm24, %%zmm24, %%zmm24\n\t"
			 "vpxord %%zmm25, %%zmm25, %%zmm25\n\t"
			 "vpxord %%zmm26, %%zmm26, %%zmm26\n\t"
			 "vpxord %%zmm27, %%zmm27, %%zmm27\n\t"
			 "vpxord %%zmm28, %%zmm28, %%zmm28\n\t"
			 "vpxord %%zmm29, %%zmm29, %%zmm29\n\t"
			 "vpxord %%zmm30, %%zmm30, %%zmm30\n\t"
			 "vpxord %%zmm31, %%zmm31, %%zmm31"
			 : : : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
			 "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20",
			 "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
}

#include "rows.h"
#include "words.h"
#include "expand.h"

TARGET void chacha_avx512(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
