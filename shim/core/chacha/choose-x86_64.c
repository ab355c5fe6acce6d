/* SPDX-License-Identifier: MIT */
/*
 * Vectors on x86-64. What must stay true: nothing is used whose registers the kernel does not save
 * (Intel SDM, volume 1, 13.5.1 and 15.2: OSXSAVE, then XCR0, then the feature).
 */
#include <cpuid.h>

#include "chacha.h"

/* From here on key and expansion take less time than the vDSO alone (`vgetrandom bench --size`). */
#define LEAST_AVX512 88
#define LEAST_AVX2 96

#define XCR0_AVX 0x6		/* SSE and AVX registers */
#define XCR0_AVX512 0xe0	/* masks, upper halves, upper registers */

const uint32_t chacha_least = LEAST_AVX512;
uint32_t chacha_vector;

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

	__cpuid(1, a, b, c, d);
	if (!(c & bit_OSXSAVE) || !(c & bit_AVX))
		return CHACHA_VECTOR_NONE;
	saved = saved_registers();
	__cpuid_count(7, 0, a, b, c, d);
	if ((saved & XCR0_AVX) != XCR0_AVX || !(b & bit_AVX2))
		return CHACHA_VECTOR_NONE;
	if (most >= CHACHA_VECTOR_AVX512 && (saved & XCR0_AVX512) == XCR0_AVX512 && b & bit_AVX512F && b & bit_AVX512BW)
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
	return vector == CHACHA_VECTOR_AVX2 && len >= LEAST_AVX2 ? chacha_avx2 : NULL;
}
