/* SPDX-License-Identifier: MIT */
/* x86-64: psABI system calls, the vDSO in the C calling convention. */

#define VDSO_SYMBOL "__vdso_getrandom"
#define VDSO_VERSION "LINUX_2.6"
#define PAGE_MAX 4096
typedef uint32_t vdso_hash_word;

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long arch_vdso_call(vdso_getrandom *entry, void *buf, size_t len, unsigned int flags,
				  void *state, size_t state_size)
{
	return entry(buf, len, flags, state, state_size);
}
