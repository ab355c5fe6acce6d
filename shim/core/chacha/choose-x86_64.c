/* SPDX-License-Identifier: MIT */
/*
 * Vectors on x86-64. What must stay true: nothing is used whose registers the kernel does not save
 * (Intel SDM, volume 1, 13.5.1 and 15.2: OSXSAVE, then XCR0, then the feature).
 */
#include <cpuid.h>

#include "chacha.h"

/* From here on key and expansion take less time than the vDSO alone (`vgetrandom bench --size`). */
#define LEAST_AVX512 88
#define LEAST_OTHERS 96

/* From here on AMD's processors spend no more time in the system call than in the vDSO (the same command, shim-nobulk). */
#define SYSTEM_CALL_AMD 256

#define HYGON 0x6f677948		/* EBX of leaf 0: "Hygo" */
#define XCR0_AVX 0x6		/* SSE and AVX registers */
#define XCR0_AVX512 0xe0	/* masks, upper halves, upper registers */

const uint32_t chacha_least = LEAST_AVX512;
const uint32_t chacha_system_call_least = SYSTEM_CALL_AMD;
uint32_t chacha_vector;

/* AT_HWCAP has nothing newer than SSE2 here. */
uint32_t chacha_permitted(uint32_t most, unsigned long hwcap)
{
	(void)hwcap;
	return most;
}

static uint32_t saved_registers(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

/* Every processor with AVX has leaf 7. */
static uint32_t widest(uint32_t most)
{
	uint32_t a, b, c, d, saved;

	if (most == CHACHA_VECTOR_SSE2)
		return CHACHA_VECTOR_SSE2;
	__cpuid(1, a, b, c, d);
	if (!(c & bit_OSXSAVE) || !(c & bit_AVX))
		return CHACHA_VECTOR_SSE2;
	saved = saved_registers();
	__cpuid_count(7, 0, a, b, c, d);
	if ((saved & XCR0_AVX) != XCR0_AVX || !(b & bit_AVX2))
		return CHACHA_VECTOR_SSE2;
	if (most == CHACHA_VECTOR_AVX512 && (saved & XCR0_AVX512) == XCR0_AVX512 && b & bit_AVX512F && b & bit_AVX512BW)
		return CHACHA_VECTOR_AVX512;
	return CHACHA_VECTOR_AVX2;
}

chacha_expand *chacha_for(size_t len, uint32_t most)
{
	uint32_t vector = __atomic_load_n(&chacha_vector, __ATOMIC_RELAXED);

	if (!vector) {
		vector = widest(most);
		__atomic_store_n(&chacha_vector, vector, __ATOMIC_RELAXED);
	}
	if (vector == CHACHA_VECTOR_AVX512)
		return chacha_avx512;
	if (len < LEAST_OTHERS)
		return NULL;
	return vector == CHACHA_VECTOR_AVX2 ? chacha_avx2 : chacha_sse2;
}

/*
 * The vDSO computes one block at a time with SSE2, the kernel one with ordinary registers
 * (arch/x86/entry/vdso/vgetrandom-chacha.S, lib/crypto/chacha-block-generic.c). On Intel's processors SSE2
 * is faster by a quarter. On AMD's the ordinary registers are faster by a fifth, which soon outweighs the cost of
 * a system call.
 */
uint32_t chacha_system_call_from(void)
{
	static uint32_t from;
	uint32_t known = __atomic_load_n(&from, __ATOMIC_RELAXED);

	if (!known) {
		uint32_t a, b, c, d;

		__cpuid(0, a, b, c, d);
		known = b == signature_AMD_ebx || b == HYGON ? SYSTEM_CALL_AMD : UINT32_MAX;
		__atomic_store_n(&from, known, __ATOMIC_RELAXED);
	}
	return known;
}
