/* SPDX-License-Identifier: MIT */
/* ChaCha20 with LoongArch's LSX: one block a row. */
#include "chacha.h"

#define TARGET __attribute__((target("lsx")))
#define SPILLED 512

#include "row128.h"

/*
 * The first halves of vr24 to vr31 are fs0 to fs7, the caller's (LoongArch psABI): the compiler has put them
 * back by then.
 */
#define CLEAR(n) "vxor.v $vr" #n ",$vr" #n ",$vr" #n "\n\t"
#define CLEAR_SECOND_HALF(n) "vinsgr2vr.d $vr" #n ",$zero,1\n\t"

OPERATION void clear_registers(void)
{
	__asm__ volatile(CLEAR(0) CLEAR(1) CLEAR(2) CLEAR(3) CLEAR(4) CLEAR(5) CLEAR(6) CLEAR(7) CLEAR(8) CLEAR(9) CLEAR(10)
			 CLEAR(11) CLEAR(12) CLEAR(13) CLEAR(14) CLEAR(15) CLEAR(16) CLEAR(17) CLEAR(18) CLEAR(19) CLEAR(20)
			 CLEAR(21) CLEAR(22) CLEAR(23)
			 CLEAR_SECOND_HALF(24) CLEAR_SECOND_HALF(25) CLEAR_SECOND_HALF(26) CLEAR_SECOND_HALF(27)
			 CLEAR_SECOND_HALF(28) CLEAR_SECOND_HALF(29) CLEAR_SECOND_HALF(30) CLEAR_SECOND_HALF(31)
			 "move $a0,$zero\n\tmove $a1,$zero\n\tmove $a2,$zero\n\tmove $a3,$zero\n\t"
			 "move $a4,$zero\n\tmove $a5,$zero\n\tmove $a6,$zero\n\tmove $a7,$zero\n\t"
			 "move $t0,$zero\n\tmove $t1,$zero\n\tmove $t2,$zero\n\tmove $t3,$zero\n\t"
			 "move $t4,$zero\n\tmove $t5,$zero\n\tmove $t6,$zero\n\tmove $t7,$zero\n\t"
			 "move $t8,$zero\n\t"
			 : : : "memory", "$vr0", "$vr1", "$vr2", "$vr3", "$vr4", "$vr5", "$vr6", "$vr7", "$vr8",
			 "$vr9", "$vr10", "$vr11", "$vr12", "$vr13", "$vr14", "$vr15", "$vr16", "$vr17", "$vr18",
			 "$vr19", "$vr20", "$vr21", "$vr22", "$vr23", "$a0", "$a1", "$a2", "$a3", "$a4", "$a5", "$a6",
			 "$a7", "$t0", "$t1", "$t2", "$t3", "$t4", "$t5", "$t6", "$t7", "$t8");
}

#include "rows.h"
#include "words.h"
#include "expand.h"

TARGET void chacha_lsx(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
