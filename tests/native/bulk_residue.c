/* SPDX-License-Identifier: MIT */
/*
 * A large draw under the preloaded library leaves nothing in vector registers and nothing of its key on the stack,
 * and takes little stack.
 *
 * The key is known here: this program shows the library a vDSO of its own, whose getrandom always gives the same
 * bytes. The draw is made on a stack that was painted; then every word of the key is looked for, and of what the
 * first quarter rounds make of it, which tells the key as well. Usage: bulk_residue; prints the stack it took, in
 * bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <ucontext.h>

#include <vgetrandom.h>

#include "chacha.h"

#define STACK 65536
#define PAINT 0x5a
#define LEAST 96	/* bytes; from here on no kind of vector leaves a draw to the vDSO */
#define MOST (1 << 20)

static const uint32_t key[8] = {
	0x9d1c2b3a, 0x8e4f5061, 0x7a829304, 0xb5c6d7e8, 0xf90a1b2c, 0x3d4e5f60, 0x718293a4, 0xb5c6d7f9,
};

/* ---- The vDSO ---- */

static ssize_t given(void *buf, size_t len, unsigned int flags, void *state, size_t state_size)
{
	unsigned char *to = buf;

	(void)flags;
	if (state_size == ~(size_t)0) {
		const uint32_t params[3] = { 144, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS };

		memcpy(state, params, sizeof(params));
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		to[i] = ((const unsigned char *)key)[i % sizeof(key)];
	return (ssize_t)len;
}

static struct {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	Elf64_Dyn dynamic[4];
	Elf64_Sym symbols[2];
	Elf64_Word hash[6];
	char strings[32];
} image = {
	.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64 }, .e_phnum = 2 },
	.hash = { 1, 2, 1, 0, 0 },		/* one bucket, two symbols: the bucket begins with the second */
	.strings = "\0__vdso_getrandom",
};

static void make_image(void)
{
	const char *start = (const char *)&image;

	image.header.e_phoff = (size_t)((const char *)image.segments - start);
	image.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD };
	image.segments[1] = (Elf64_Phdr){ .p_type = PT_DYNAMIC, .p_offset = (size_t)((const char *)image.dynamic - start) };
	image.dynamic[0] = (Elf64_Dyn){ DT_SYMTAB, { (size_t)((const char *)image.symbols - start) } };
	image.dynamic[1] = (Elf64_Dyn){ DT_STRTAB, { (size_t)(image.strings - start) } };
	image.dynamic[2] = (Elf64_Dyn){ DT_HASH, { (size_t)((const char *)image.hash - start) } };
	image.symbols[1] = (Elf64_Sym){
		.st_name = 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1,
		.st_value = (uint64_t)(uintptr_t)given - (uint64_t)(uintptr_t)start,
	};
}

/* The library, and nobody else before main, asks for this one: libc uses its own. */
unsigned long getauxval(unsigned long type)
{
	static unsigned long (*real)(unsigned long);

	if (type == AT_SYSINFO_EHDR) {
		make_image();
		return (unsigned long)&image;
	}
	if (!real)
		real = (unsigned long (*)(unsigned long))dlsym(RTLD_NEXT, "getauxval");
	return real(type);
}

/* ---- The draw ---- */

static unsigned char stack[STACK] __attribute__((aligned(64)));
static unsigned char registers[32 * 64] __attribute__((aligned(64)));
static unsigned char output[MOST];
static ssize_t (*draw)(void *, size_t, unsigned int);
static ucontext_t here, there;
static uintptr_t called_at;	/* the stack pointer at the call */
static size_t length;
static uint32_t vector;
static long got;

/* Call, and look at the registers before any other instruction can change them. */
static void on_the_stack(void)
{
	long answer;

	__asm__ volatile("movq %%rsp, %%r12\n\t"
			 "andq $-16, %%rsp\n\t"
			 "movq %%rsp, %[at]\n\t"
			 "call *%[draw]\n\t"
			 "movq %%r12, %%rsp\n\t"
			 "cmpl $4, %[vector]\n\t"
			 "je 4f\n\t"
			 "cmpl $3, %[vector]\n\t"
			 "je 3f\n\t"
#define SAVE_XMM(n) "movdqu %%xmm" #n ", " #n "*64(%[save])\n\t"
			 SAVE_XMM(0) SAVE_XMM(1) SAVE_XMM(2) SAVE_XMM(3) SAVE_XMM(4) SAVE_XMM(5) SAVE_XMM(6) SAVE_XMM(7)
			 SAVE_XMM(8) SAVE_XMM(9) SAVE_XMM(10) SAVE_XMM(11) SAVE_XMM(12) SAVE_XMM(13) SAVE_XMM(14) SAVE_XMM(15)
			 "jmp 5f\n3:\n\t"
#define SAVE_YMM(n) "vmovdqu %%ymm" #n ", " #n "*64(%[save])\n\t"
			 SAVE_YMM(0) SAVE_YMM(1) SAVE_YMM(2) SAVE_YMM(3) SAVE_YMM(4) SAVE_YMM(5) SAVE_YMM(6) SAVE_YMM(7)
			 SAVE_YMM(8) SAVE_YMM(9) SAVE_YMM(10) SAVE_YMM(11) SAVE_YMM(12) SAVE_YMM(13) SAVE_YMM(14) SAVE_YMM(15)
			 "jmp 5f\n4:\n\t"
#define SAVE_ZMM(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%[save])\n\t"
			 SAVE_ZMM(0) SAVE_ZMM(1) SAVE_ZMM(2) SAVE_ZMM(3) SAVE_ZMM(4) SAVE_ZMM(5) SAVE_ZMM(6) SAVE_ZMM(7)
			 SAVE_ZMM(8) SAVE_ZMM(9) SAVE_ZMM(10) SAVE_ZMM(11) SAVE_ZMM(12) SAVE_ZMM(13) SAVE_ZMM(14) SAVE_ZMM(15)
			 SAVE_ZMM(16) SAVE_ZMM(17) SAVE_ZMM(18) SAVE_ZMM(19) SAVE_ZMM(20) SAVE_ZMM(21) SAVE_ZMM(22) SAVE_ZMM(23)
			 SAVE_ZMM(24) SAVE_ZMM(25) SAVE_ZMM(26) SAVE_ZMM(27) SAVE_ZMM(28) SAVE_ZMM(29) SAVE_ZMM(30) SAVE_ZMM(31)
			 "5:"
			 : "=a"(answer), [at] "=m"(called_at)
			 : [draw] "r"(draw), [vector] "r"(vector), [save] "b"(registers), "D"(output), "S"(length), "d"(0)
			 : "rcx", "r8", "r9", "r10", "r11", "r12", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			 "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	got = answer;
}

static void run(const struct vgetrandom_process *record, size_t bytes)
{
	length = bytes;
	vector = *(uint32_t *)(uintptr_t)record->vector;
	memset(registers, 0, sizeof(registers));
	memset(stack, PAINT, sizeof(stack));
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	there.uc_link = &here;
	makecontext(&there, on_the_stack, 0);
	swapcontext(&here, &there);
	if (got != (long)bytes) {
		printf("a draw of %zu bytes gives %ld\n", bytes, got);
		exit(1);
	}
}

/* The key, and the three columns of a block that have no counter after their first quarter rounds. */
static uint32_t secrets[8 + 16];

static void make_secrets(void)
{
	uint32_t *block = secrets + 8;

	memcpy(secrets, key, sizeof(key));
	memcpy(block, (const uint32_t[4]){ 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, 16);
	memcpy(block + 4, key, sizeof(key));
	for (int i = 1; i < 4; i++)
		chacha_quarter(block, i, 4 + i, 8 + i, 12 + i);
	for (int i = 0; i < 16; i += 4)
		block[i] = key[0];	/* the first column has nothing new to look for */
}

static void look_for_key(const unsigned char *from, const unsigned char *to)
{
	for (; from + 4 <= to; from++)
		for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
			if (!memcmp(from, &secrets[i], 4)) {
				printf("secret word %zu is left on the stack after a draw of %zu bytes\n", i, length);
				exit(1);
			}
}

int main(void)
{
	const struct vgetrandom_process *record = dlsym(RTLD_DEFAULT, "vgetrandom_process");
	size_t deepest = 0;

	make_secrets();
	draw = (ssize_t (*)(void *, size_t, unsigned int))dlsym(RTLD_DEFAULT, "getrandom");
	if (!record || record->status != VGETRANDOM_ACTIVE || record->entry != (uintptr_t)given)
		return 2;
	run(record, 4096);	/* chooses the vectors */
	for (size_t bytes = LEAST; bytes <= MOST; bytes += bytes < 3000 ? 1 : bytes) {
		const unsigned char *call, *lowest = stack;

		run(record, bytes);
		call = (const unsigned char *)called_at;
		look_for_key(stack, call);
		for (size_t i = 0; i < sizeof(registers); i++)
			if (registers[i]) {
				printf("vector register %zu is not cleared after a draw of %zu bytes\n", i / 64, length);
				return 1;
			}
		while (lowest < call && *lowest == PAINT)
			lowest++;
		if (deepest < (size_t)(call - lowest))
			deepest = (size_t)(call - lowest);
	}
	printf("vector %u stack %zu\n", *(uint32_t *)(uintptr_t)record->vector, deepest);
	return 0;
}
