/* SPDX-License-Identifier: MIT */
/* ChaCha20 with VSX, part of the ABI of powerpc64le (64-Bit ELF V2 ABI, 1.1): one block a row. */
#include "chacha.h"

#define TARGET
#define SPILLED 768

#include "row128.h"

/*
 * All but v20 to v31, which are the caller's, as are the first halves of vs14 to vs31: they are f14 to
 * f31 (64-Bit ELF V2 ABI, 2.2.1). The compiler has put those back by then.
 */
#define CLEAR(n) "xxlxor " #n "," #n "," #n "\n\t"
#define CLEAR_SECOND_HALF(n) "xxpermdi " #n "," #n ",0,0\n\t"

OPERATION void clear_registers(void)
{
	__asm__ volatile(CLEAR(0) CLEAR(1) CLEAR(2) CLEAR(3) CLEAR(4) CLEAR(5) CLEAR(6) CLEAR(7) CLEAR(8) CLEAR(9) CLEAR(10)
			 CLEAR(11) CLEAR(12) CLEAR(13) CLEAR_SECOND_HALF(14) CLEAR_SECOND_HALF(15) CLEAR_SECOND_HALF(16)
			 CLEAR_SECOND_HALF(17) CLEAR_SECOND_HALF(18) CLEAR_SECOND_HALF(19) CLEAR_SECOND_HALF(20)
			 CLEAR_SECOND_HALF(21) CLEAR_SECOND_HALF(22) CLEAR_SECOND_HALF(23) CLEAR_SECOND_HALF(24)
			 CLEAR_SECOND_HALF(25) CLEAR_SECOND_HALF(26) CLEAR_SECOND_HALF(27) CLEAR_SECOND_HALF(28)
			 CLEAR_SECOND_HALF(29) CLEAR_SECOND_HALF(30) CLEAR_SECOND_HALF(31)
			 CLEAR(32) CLEAR(33) CLEAR(34) CLEAR(35) CLEAR(36) CLEAR(37) CLEAR(38) CLEAR(39) CLEAR(40) CLEAR(41)
			 CLEAR(42) CLEAR(43) CLEAR(44) CLEAR(45) CLEAR(46) CLEAR(47) CLEAR(48) CLEAR(49) CLEAR(50) CLEAR(51)
			 "li 0,0\n\tli 3,0\n\tli 4,0\n\tli 5,0\n\tli 6,0\n\tli 7,0\n\t"
			 "li 8,0\n\tli 9,0\n\tli 10,0\n\tli 11,0\n\tli 12,0\n\t"
			 : : : "memory", "vs0", "vs1", "vs2", "vs3", "vs4", "vs5", "vs6", "vs7", "vs8", "vs9",
			 "vs10", "vs11", "vs12", "vs13", "vs32", "vs33", "vs34", "vs35", "vs36", "vs37", "vs38",
			 "vs39", "vs40", "vs41", "vs42", "vs43", "vs44", "vs45", "vs46", "vs47", "vs48", "vs49",
			 "vs50", "vs51", "r0", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12");
}

#include "rows.h"
#include "words.h"
#include "expand.h"

TARGET void chacha_vsx(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
