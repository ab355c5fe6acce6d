/* SPDX-License-Identifier: MIT */
/* s390x: big-endian; the vDSO in the C calling convention; DT_HASH entries are 64 bits wide (s390x ELF ABI). */

#define VDSO_SYMBOL "__kernel_getrandom"
#define VDSO_VERSION "LINUX_2.6.29"
#define PAGE_MAX 4096
typedef uint64_t vdso_hash_word;

#define S390X_MMAP 90	/* arch/s390/kernel/syscalls/syscall.tbl */

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	/* mmap alone finds its arguments in memory (old_mmap in arch/s390/kernel/syscall.c). */
	const long memory[6] = { a, b, c, d, e, f };
	register long r1 __asm__("r1") = nr;
	register long r2 __asm__("r2") = nr == S390X_MMAP ? (long)memory : a, r3 __asm__("r3") = b, r4 __asm__("r4") = c;
	register long r5 __asm__("r5") = d, r6 __asm__("r6") = e, r7 __asm__("r7") = f;

	__asm__ volatile("svc 0"
			 : "+r"(r2)
			 : "r"(r1), "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7)
			 : "memory", "cc");
	return r2;
}

static inline long arch_vdso_call(vdso_getrandom *entry, void *buf, size_t len, unsigned int flags,
				  void *state, size_t state_size)
{
	return entry(buf, len, flags, state, state_size);
}
