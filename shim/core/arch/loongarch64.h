/* SPDX-License-Identifier: MIT */
/* loongarch64: the vDSO in the C calling convention; a system call clobbers the t registers. */

#define VDSO_SYMBOL "__vdso_getrandom"
#define VDSO_VERSION "LINUX_5.10"
#define PAGE_MAX 65536
typedef uint32_t vdso_hash_word;

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("$a7") = nr;
	register long a0 __asm__("$a0") = a, a1 __asm__("$a1") = b, a2 __asm__("$a2") = c;
	register long a3 __asm__("$a3") = d, a4 __asm__("$a4") = e, a5 __asm__("$a5") = f;

	__asm__ volatile("syscall 0"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "$t0", "$t1", "$t2", "$t3", "$t4", "$t5", "$t6", "$t7", "$t8", "memory");
	return a0;
}

/*
 * The vDSO's ChaCha20 (arch/loongarch/vdso/vgetrandom-chacha.S) moves the stack pointer by 80 bytes and its
 * unwind information does not say so. What an unwinder takes for the return address of __vdso_getrandom is
 * then our $s8, saved 80 bytes below it. Zero ends the unwinding there, in good order; anything else may
 * crash a thread that is cancelled asynchronously in a draw.
 */
static inline long arch_vdso_call(vdso_getrandom *entry, void *buf, size_t len, unsigned int flags,
				  void *state, size_t state_size)
{
	register void *t0 __asm__("$t0") = (void *)entry;
	register long a0 __asm__("$a0") = (long)buf, a1 __asm__("$a1") = (long)len, a2 __asm__("$a2") = flags;
	register long a3 __asm__("$a3") = (long)state, a4 __asm__("$a4") = (long)state_size;

	__asm__ volatile("move $s8, $zero\n\t"
			 "jirl $ra, $t0, 0"
			 : "+r"(t0), "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4)
			 :
			 : "$ra", "$a5", "$a6", "$a7", "$t1", "$t2", "$t3", "$t4", "$t5", "$t6", "$t7", "$t8", "$s8",
			   "$f0", "$f1", "$f2", "$f3", "$f4", "$f5", "$f6", "$f7", "$f8", "$f9", "$f10", "$f11",
			   "$f12", "$f13", "$f14", "$f15", "$f16", "$f17", "$f18", "$f19", "$f20", "$f21", "$f22", "$f23",
			   "$fcc0", "$fcc1", "$fcc2", "$fcc3", "$fcc4", "$fcc5", "$fcc6", "$fcc7", "memory");
	return a0;
}
