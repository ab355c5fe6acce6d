/* SPDX-License-Identifier: MIT */
/* riscv64: the vDSO in the C calling convention. */

#define VDSO_SYMBOL "__vdso_getrandom"
#define VDSO_VERSION "LINUX_4.15"
#define PAGE_MAX 4096
typedef uint32_t vdso_hash_word;

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d, a4 __asm__("a4") = e, a5 __asm__("a5") = f;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "memory");
	return a0;
}

static inline long arch_vdso_call(vdso_getrandom *entry, void *buf, size_t len, unsigned int flags,
				  void *state, size_t state_size)
{
	return entry(buf, len, flags, state, state_size);
}
