/* SPDX-License-Identifier: MIT */
/* aarch64: the vDSO in the C calling convention; its image has only DT_GNU_HASH on current kernels. */

#define VDSO_SYMBOL "__kernel_getrandom"
#define VDSO_VERSION "LINUX_2.6.39"
#define PAGE_MAX 65536
typedef uint32_t vdso_hash_word;

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

static inline long arch_vdso_call(vdso_getrandom *entry, void *buf, size_t len, unsigned int flags,
				  void *state, size_t state_size)
{
	return entry(buf, len, flags, state, state_size);
}
