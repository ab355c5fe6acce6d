/* SPDX-License-Identifier: MIT */
/* ChaCha20 with s390x's vector facility (z13 and newer): one block a row. This machine is big-endian. */
#include "chacha.h"

#ifdef __clang__
#define TARGET __attribute__((target("vector")))
#else
#define TARGET __attribute__((target("arch=z13,vx")))
#endif
#define SPILLED 512

#include "row128.h"

/*
 * The first halves of v8 to v15 are f8 to f15, the caller's (s390x ELF ABI, 1.2.2.1): the compiler has put them
 * back by then.
 */
#define CLEAR(n) "vgbm %%v" #n ",0\n\t"
#define CLEAR_SECOND_HALF(n) "vleig %%v" #n ",0,1\n\t"

OPERATION void clear_registers(void)
{
	__asm__ volatile(CLEAR(0) CLEAR(1) CLEAR(2) CLEAR(3) CLEAR(4) CLEAR(5) CLEAR(6) CLEAR(7)
			 CLEAR_SECOND_HALF(8) CLEAR_SECOND_HALF(9) CLEAR_SECOND_HALF(10) CLEAR_SECOND_HALF(11)
			 CLEAR_SECOND_HALF(12) CLEAR_SECOND_HALF(13) CLEAR_SECOND_HALF(14) CLEAR_SECOND_HALF(15)
			 CLEAR(16) CLEAR(17) CLEAR(18) CLEAR(19) CLEAR(20) CLEAR(21) CLEAR(22) CLEAR(23)
			 CLEAR(24) CLEAR(25) CLEAR(26) CLEAR(27) CLEAR(28) CLEAR(29) CLEAR(30) CLEAR(31)
			 "lghi %%r0,0\n\tlghi %%r1,0\n\tlghi %%r2,0\n\tlghi %%r3,0\n\tlghi %%r4,0\n\t"
			 "lghi %%r5,0\n\t"
			 : : : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19",
			 "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "r0",
			 "r1", "r2", "r3", "r4", "r5");
}

#include "rows.h"
#include "words.h"
#include "expand.h"

TARGET void chacha_vx(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
