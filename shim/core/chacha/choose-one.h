/* SPDX-License-Identifier: MIT */
/*
 * The choice where an architecture has one kind of vector, or none. To be included by a file that
 * defines:
 *   VECTOR	its enum chacha_vector
 *   EXPAND	its chacha_expand, or NULL
 *   PERMITTED	the bit of AT_HWCAP by which the kernel says that programs may use it
 *   LEAST	bytes, as chacha_least
 */
#include "chacha.h"

const uint32_t chacha_least = LEAST;
const uint32_t chacha_system_call_least = UINT32_MAX;
uint32_t chacha_vector;

uint32_t chacha_permitted(uint32_t most, unsigned long hwcap)
{
	return most && hwcap & PERMITTED ? VECTOR : 0;
}

chacha_expand *chacha_for(size_t len, uint32_t most)
{
	(void)len;
	__atomic_store_n(&chacha_vector, most, __ATOMIC_RELAXED);
	return EXPAND;
}

/* Not measured on any of these: the vDSO, which is what their kernels' authors offer for speed. */
uint32_t chacha_system_call_from(void)
{
	return UINT32_MAX;
}
