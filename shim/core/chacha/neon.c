/* SPDX-License-Identifier: MIT */
/* ChaCha20 with NEON, which every 64-bit Arm processor that runs Linux has: one block a row. */
#include "chacha.h"

#include <arm_neon.h>

#define TARGET
#define SPILLED 384

/* NEON does not rotate: a shift that inserts does it, or an exchange of halves. */
#define ROW_LEFT(x, bits) \
	((bits) == 16 ? (row)vrev32q_u16((uint16x8_t)(x)) : (row)vsriq_n_u32(vshlq_n_u32(x, bits), x, 32 - (bits)))

#include "row128.h"

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
			 "movi v28.4s, 0\n\tmovi v29.4s, 0\n\tmovi v30.4s, 0\n\tmovi v31.4s, 0\n\t"
			 "mov x0, xzr\n\tmov x1, xzr\n\tmov x2, xzr\n\tmov x3, xzr\n\tmov x4, xzr\n\t"
			 "mov x5, xzr\n\tmov x6, xzr\n\tmov x7, xzr\n\tmov x8, xzr\n\tmov x9, xzr\n\t"
			 "mov x10, xzr\n\tmov x11, xzr\n\tmov x12, xzr\n\tmov x13, xzr\n\t"
			 "mov x14, xzr\n\tmov x15, xzr\n\tmov x16, xzr\n\tmov x17, xzr\n\t"
			 : : : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21",
			 "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "x0", "x1", "x2", "x3",
			 "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
}

#include "rows.h"
#include "words.h"
#include "expand.h"

TARGET void chacha_neon(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
