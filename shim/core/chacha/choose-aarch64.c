/* SPDX-License-Identifier: MIT */
/*
 * Vectors on aarch64: NEON is part of the architecture that Linux needs
 * (Documentation/arch/arm64/booting.rst, FPSIMD).
 */
#include "chacha.h"

/* The vDSO uses NEON too, one block at a time: only where several blocks side by side pay for the key. */
const uint32_t chacha_least = 256;
uint32_t chacha_vector;

chacha_expand *chacha_for(size_t len, uint32_t most)
{
	(void)len;
	(void)most;
	__atomic_store_n(&chacha_vector, CHACHA_VECTOR_NEON, __ATOMIC_RELAXED);
	return chacha_neon;
}
