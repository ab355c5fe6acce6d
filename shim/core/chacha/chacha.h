/* SPDX-License-Identifier: MIT */
/*
 * ChaCha20 (RFC 8439, section 2.4) as a generator: the keystream of a key, with an all-zero nonce
 * and a block counter from zero. What must stay true: nothing of the key is left in memory or
 * registers when a call returns.
 */
#ifndef CHACHA_H
#define CHACHA_H

#include "../core.h"

#define CHACHA_KEY 32	/* bytes */
#define CHACHA_BLOCK 64

/* What expands keys. The numbers are public: include/vgetrandom.h has them too. */
enum chacha_vector {
	CHACHA_VECTOR_NONE = 1,
	CHACHA_VECTOR_NEON = 2,
	CHACHA_VECTOR_AVX2 = 3,
	CHACHA_VECTOR_AVX512 = 4,
	CHACHA_VECTOR_SSE2 = 5,
	CHACHA_VECTOR_VSX = 6,
	CHACHA_VECTOR_VX = 7,
	CHACHA_VECTOR_LSX = 8,
	CHACHA_VECTOR_RVV = 9,
};

/*
 * Writes the first `len` bytes of the keystream, at most 2^38, and erases `key`, the registers and
 * the stack that it used (less than 1 KiB). Calls nothing. Thread-safe, async-signal-safe; `out`
 * may have any alignment, `key` one of 8.
 */
typedef void chacha_expand(unsigned char *out, size_t len, unsigned char key[CHACHA_KEY]);

HIDDEN chacha_expand chacha_avx512, chacha_avx2, chacha_sse2, chacha_neon, chacha_vsx, chacha_vx, chacha_lsx, chacha_rvv;

/*
 * The length in bytes from which this architecture's vectors can be quicker than the vDSO alone;
 * UINT32_MAX: never.
 */
extern HIDDEN const uint32_t chacha_least;

/*
 * The vectors that the first call of chacha_for() chose: an enum chacha_vector; 0 before. They are not chosen at
 * load: under a hypervisor, CPUID may take microseconds, and most programs never make a large request.
 */
extern HIDDEN uint32_t chacha_vector;

/*
 * The widest vectors up to `most` that the kernel permits by AT_HWCAP; 0: none. Does not ask the processor.
 * `most` is 0 for none, AVX512 for no limit, or AVX2 or SSE2, which limit x86-64 alone.
 */
uint32_t chacha_permitted(uint32_t most, unsigned long hwcap);

/*
 * The expansion that makes `len` bytes in less time than the vDSO; NULL when none does. `most` is what
 * chacha_permitted() gave, and not 0. Thread-safe, async-signal-safe.
 */
chacha_expand *chacha_for(size_t len, uint32_t most);

/*
 * Without vectors: the length in bytes from which the system call takes less time than the vDSO on
 * this processor; UINT32_MAX: never. It is nowhere less than chacha_system_call_least. Thread-safe,
 * async-signal-safe.
 */
uint32_t chacha_system_call_from(void);
extern HIDDEN const uint32_t chacha_system_call_least;

#endif
