/* SPDX-License-Identifier: MIT */
/* ChaCha20 with RISC-V's vectors (V 1.0), of which the first 128 bits are used: one block a row. */
#include "chacha.h"

#define TARGET __attribute__((target("arch=+v")))
#define SPILLED 512

#include "row128.h"

/* Whole registers, whatever their length: eight at a time. None is the caller's (RISC-V psABI). */
OPERATION void clear_registers(void)
{
	__asm__ volatile("vsetvli t0,zero,e32,m8,ta,ma\n\t"
			 "vmv.v.i v0,0\n\tvmv.v.i v8,0\n\tvmv.v.i v16,0\n\tvmv.v.i v24,0\n\t"
			 "li t0,0\n\tli t1,0\n\tli t2,0\n\tli t3,0\n\tli t4,0\n\tli t5,0\n\t"
			 "li t6,0\n\tli a0,0\n\tli a1,0\n\tli a2,0\n\tli a3,0\n\tli a4,0\n\t"
			 "li a5,0\n\tli a6,0\n\tli a7,0\n\t"
			 : : : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11",
			 "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24",
			 "v25", "v26", "v27", "v28", "v29", "v30", "v31", "t0", "t1", "t2", "t3", "t4", "t5", "t6",
			 "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7");
}

#include "rows.h"
#include "words.h"
#include "expand.h"

TARGET void chacha_rvv(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY])
{
	expand(out, len, key);
}
