/* SPDX-License-Identifier: MIT */
/*
 * What stepping has to know of an architecture's instructions.
 *   STEP_TRAP, step_code	a trap instruction, and the type that holds it; without: the processor has breakpoints that are known
 *   STEP_PAIRS			there are pairs of exclusive accesses: step_opens() and step_closes() know them
 *   STEP_JUMPS			the kernel has no single steps: step_jump() knows where instructions go on
 *   step_branch()		where a conditional branch at pc leads to; 0: it is none
 *   step_length()		of an instruction, in bytes
 */
#ifndef CONFORM_STEP_DECODE_H
#define CONFORM_STEP_DECODE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* The lowest `width` bits as a signed number. */
static inline int64_t step_signed(uint64_t bits, unsigned int width)
{
	return (int64_t)(bits << (64 - width)) >> (64 - width);
}

#if defined(__aarch64__)	/* Arm Architecture Reference Manual, C4.1 */

typedef uint32_t step_code;
#define STEP_TRAP 0xd4200000u	/* brk #0 */
#define STEP_PAIRS

static inline bool step_opens(uint32_t instruction)
{
	return (instruction & 0x3fc00000) == 0x08400000;	/* LDXR, LDAXR, LDXP, ... */
}

static inline bool step_closes(uint32_t instruction)
{
	return (instruction & 0x3fc00000) == 0x08000000;	/* STXR, STLXR, STXP, ... */
}

static inline uint64_t step_branch(uint32_t instruction, uint64_t pc)
{
	bool conditional = (instruction & 0xff000010) == 0x54000000 || (instruction & 0x7e000000) == 0x34000000;

	return conditional ? pc + (uint64_t)step_signed(instruction >> 5, 19) * 4 : 0;	/* B.cond, CBZ, CBNZ */
}

#elif defined(__powerpc64__)	/* Power ISA, book I, 2.4, and book II, 4.6 */

typedef uint32_t step_code;
#define STEP_TRAP 0x7fe00008u	/* trap */
#define STEP_PAIRS

static inline bool step_opens(uint32_t instruction)
{
	uint32_t form = instruction & 0xfc0007fe;

	return form == 0x7c000028 || form == 0x7c0000a8 || form == 0x7c000068 || form == 0x7c0000e8;	/* l[wdbh]arx */
}

static inline bool step_closes(uint32_t instruction)
{
	uint32_t form = instruction & 0xfc0007ff;

	return form == 0x7c00012d || form == 0x7c0001ad || form == 0x7c00056d || form == 0x7c0005ad;	/* st[wdbh]cx. */
}

static inline uint64_t step_branch(uint32_t instruction, uint64_t pc)
{
	return (instruction & 0xfc000003) == 0x40000000 ? pc + (uint64_t)step_signed(instruction & 0xfffc, 16) : 0;	/* bc */
}

#elif defined(__s390x__)

typedef uint16_t step_code;
#define STEP_TRAP 0x0001	/* S390_BREAKPOINT_U16 in the kernel's asm/ptrace.h; the PSW stops behind it */

#elif defined(__riscv)		/* RISC-V unprivileged ISA: RV64I, "A" and "C" */

typedef uint16_t step_code;
#define STEP_TRAP 0x9002	/* c.ebreak */
#define STEP_PAIRS
#define STEP_JUMPS

static inline unsigned int step_length(uint32_t instruction)
{
	return (instruction & 3) == 3 ? 4 : 2;
}

static inline bool step_opens(uint32_t instruction)
{
	return (instruction & 0xf800007f) == 0x1000002f;	/* lr */
}

static inline bool step_closes(uint32_t instruction)
{
	return (instruction & 0xf800007f) == 0x1800002f;	/* sc */
}

static inline uint64_t step_branch(uint32_t i, uint64_t pc)
{
	uint32_t offset;

	if ((i & 0x7f) == 0x63) {	/* beq, bne, ... */
		offset = (i >> 31) << 12 | (i >> 7 & 1) << 11 | (i >> 25 & 0x3f) << 5 | (i >> 8 & 0xf) << 1;
		return pc + (uint64_t)step_signed(offset, 13);
	}
	if ((i & 0xc003) == 0xc001) {	/* c.beqz, c.bnez */
		offset = (i >> 12 & 1) << 8 | (i >> 5 & 3) << 6 | (i >> 2 & 1) << 5 | (i >> 10 & 3) << 3 | (i >> 3 & 3) << 1;
		return pc + (uint64_t)step_signed(offset, 9);
	}
	return 0;
}

#elif defined(__loongarch64)	/* LoongArch Reference Manual, volume 1, 2.2 */

typedef uint32_t step_code;
#define STEP_TRAP 0x002a0005u	/* break 5 */
#define STEP_PAIRS
#define STEP_JUMPS

static inline bool step_opens(uint32_t instruction)
{
	return (instruction & 0xfd000000) == 0x20000000;	/* ll.w, ll.d */
}

static inline bool step_closes(uint32_t instruction)
{
	return (instruction & 0xfd000000) == 0x21000000;	/* sc.w, sc.d */
}

static inline uint64_t step_branch(uint32_t i, uint64_t pc)
{
	uint32_t opcode = i >> 26, offset = i >> 10 & 0xffff;

	if (opcode >= 0x16 && opcode <= 0x1b)		/* beq, bne, blt, ... */
		return pc + (uint64_t)step_signed(offset, 16) * 4;
	if (opcode >= 0x10 && opcode <= 0x12)		/* beqz, bnez, bceqz, bcnez */
		return pc + (uint64_t)step_signed((i & 0x1f) << 16 | offset, 21) * 4;
	return 0;
}

#endif

#ifndef __riscv
static inline unsigned int step_length(uint32_t instruction)
{
	(void)instruction;
	return 4;
}
#endif

#ifdef STEP_JUMPS

/* On both of these architectures, register n is the n-th word; RISC-V has the pc in the place of x0. */
static inline uint64_t step_register(pid_t thread, unsigned int number)
{
	uint64_t words[64] = { 0 };
	struct iovec all = { words, sizeof(words) };

	ptrace(PTRACE_GETREGSET, thread, (void *)NT_PRSTATUS, &all);
	return number ? words[number] : 0;
}

/* Where an instruction at pc jumps to in any case; 0: it does not. */
static inline uint64_t step_jump(pid_t thread, uint32_t i, uint64_t pc)
{
	uint32_t offset;

#ifdef __riscv
	if ((i & 0x7f) == 0x6f) {	/* jal */
		offset = (i >> 31) << 20 | (i >> 12 & 0xff) << 12 | (i >> 20 & 1) << 11 | (i >> 21 & 0x3ff) << 1;
		return pc + (uint64_t)step_signed(offset, 21);
	}
	if ((i & 0x707f) == 0x67)	/* jalr */
		return (step_register(thread, i >> 15 & 31) + (uint64_t)step_signed(i >> 20, 12)) & ~UINT64_C(1);
	if ((i & 0xe003) == 0xa001) {	/* c.j */
		offset = (i >> 12 & 1) << 11 | (i >> 8 & 1) << 10 | (i >> 9 & 3) << 8 | (i >> 6 & 1) << 7 | (i >> 7 & 1) << 6 |
			 (i >> 2 & 1) << 5 | (i >> 11 & 1) << 4 | (i >> 3 & 7) << 1;
		return pc + (uint64_t)step_signed(offset, 12);
	}
	if ((i & 0xe07f) == 0x8002 && (i >> 7 & 31))	/* c.jr, c.jalr */
		return step_register(thread, i >> 7 & 31);
#else
	offset = i >> 10 & 0xffff;
	if (i >> 26 == 0x13)		/* jirl */
		return step_register(thread, i >> 5 & 31) + (uint64_t)step_signed(offset, 16) * 4;
	if (i >> 27 == 0x0a)		/* b, bl */
		return pc + (uint64_t)step_signed((i & 0x3ff) << 16 | offset, 26) * 4;
#endif
	return 0;
}

#endif

#endif
