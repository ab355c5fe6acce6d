/* SPDX-License-Identifier: MIT */
/* ChaCha20 with NEON, which every 64-bit Arm processor that runs Linux has: one block a row. */
#include "chacha.h"

#include <arm_neon.h>

#define TARGET
#define OPERATION static inline __attribute__((always_inline))

typedef uint32x4_t row;
#define ROW_BLOCKS 1
#define SPILLED 384

OPERATION row row_add(row x, row y) { return vaddq_u32(x, y); }
OPERATION row row_xor(row x, row y) { return veorq_u32(x, y); }
OPERATION row row_left_16(row x) { return vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(x))); }
OPERATION row row_left_12(row x) { return vsriq_n_u32(vshlq_n_u32(x, 12), x, 20); }
OPERATION row row_left_8(row x) { return vsriq_n_u32(vshlq_n_u32(x, 8), x, 24); }
OPERATION row row_left_7(row x) { return vsriq_n_u32(vshlq_n_u32(x, 7), x, 25); }
OPERATION row row_turn_1(row x) { return vextq_u32(x, x, 1); }
OPERATION row row_turn_2(row x) { return vextq_u32(x, x, 2); }
OPERATION row row_turn_3(row x) { return vextq_u32(x, x, 3); }
OPERATION row row_same(const void *words) { return vreinterpretq_u32_u8(vld1q_u8(words)); }
OPERATION row row_zero(void) { return vdupq_n_u32(0); }
OPERATION row row_counters(uint32_t n) { return vsetq_lane_u32(n, vdupq_n_u32(0), 0); }

OPERATION row row_word(uint32_t word) { return vdupq_n_u32(word); }
OPERATION row row_zip_low(row x, row y) { return vzip1q_u32(x, y); }
OPERATION row row_zip_high(row x, row y) { return vzip2q_u32(x, y); }

OPERATION row row_zip_low_pairs(row x, row y)
{
	return vreinterpretq_u32_u64(vzip1q_u64(vreinterpretq_u64_u32(x), vreinterpretq_u64_u32(y)));
}

OPERATION row row_zip_high_pairs(row x, row y)
{
	return vreinterpretq_u32_u64(vzip2q_u64(vreinterpretq_u64_u32(x), vreinterpretq_u64_u32(y)));
}

OPERATION row row_numbers(uint32_t n)
{
	static const uint32_t from_zero[4] = { 0, 1, 2, 3 };

	return vaddq_u32(vdupq_n_u32(n), vld1q_u32(from_zero));
}

OPERATION void row_store(unsigned char *out, size_t apart, row x)
{
	(void)apart;
	vst1q_u8(out, vreinterpretq_u8_u32(x));
}

/* The low halves of v8 to v15 are the caller's (AAPCS64, 6.1.2): the compiler has put them back by then. */
OPERATION void clear_registers(void)
{
	__asm__ volatile("movi v0.4s, 0\n\tmovi v1.4s, 0\n\tmovi v2.4s, 0\n\tmovi v3.4s, 0\n\t"
			 "movi v4.4s, 0\n\tmovi v5.4s, 0\n\tmovi v6.4s, 0\n\tmovi v7.4s, 0\n\t"
			 "mov v8.d[1], xzr\n\tmov v9.d[1], xzr\n\tmov v10.d[1], xzr\n\tmov v11.d[1], xzr\n\t"
			 "mov v12.d[1], xzr\n\tmov v13.d[1], xzr\n\tmov v14.d[1], xzr\n\tmov v15.d[1], xzr\n\t"
			 "movi v16.4s, 0\n\tmovi v17.4s, 0\n\tmovi v18.4s, 0\n\tmovi v19.4s, 0\n\t"
			 "movi v20.4s, 0\n\tmovi v21.4s, 0\n\tmovi v22.4s, 0\n\tmovi v23.4s, 0\n\t"
			 "movi v24.4s, 0\n\tmovi v25.4s, 0\n\tmovi v26.4s, 0\n\tmovi v27.4s, 0\n\t"
			 "movi v28.4s, 0\n\tmovi v29.4s, 0\n\tmovi v30.4s, 0\n\tmovi v31.4s, 0"
			 : : : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21",
			 "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

#include "rows.h"
#include "words.h"
#include "expand.h"

void chacha_neon(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
