/* SPDX-License-Identifier: MIT */
/*
 * powerpc64le: `sc` and the vDSO share one convention, which is not C's: an error sets CR0.SO and leaves
 * the errno, positive, in r3 (arch/powerpc/kernel/vdso/getrandom.S). Forgetting it was glibc bug 32440.
 */

#define VDSO_SYMBOL "__kernel_getrandom"
#define VDSO_VERSION "LINUX_2.6.15"
#define PAGE_MAX 65536
typedef uint32_t vdso_hash_word;

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r0 __asm__("r0") = nr;
	register long r3 __asm__("r3") = a, r4 __asm__("r4") = b, r5 __asm__("r5") = c;
	register long r6 __asm__("r6") = d, r7 __asm__("r7") = e, r8 __asm__("r8") = f;

	__asm__ volatile("sc\n\t"
			 "bns+ 1f\n\t"
			 "neg 3, 3\n"
			 "1:"
			 : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8)
			 :
			 : "r9", "r10", "r11", "r12", "cr0", "ctr", "xer", "memory");
	return r3;
}

static inline long arch_vdso_call(vdso_getrandom *entry, void *buf, size_t len, unsigned int flags,
				  void *state, size_t state_size)
{
	register void *r12 __asm__("r12") = (void *)entry;
	register long r3 __asm__("r3") = (long)buf, r4 __asm__("r4") = (long)len, r5 __asm__("r5") = flags;
	register long r6 __asm__("r6") = (long)state, r7 __asm__("r7") = (long)state_size;

	/* A frame of the callee's own, below the 288 bytes that the ABI lets a leaf function use under r1. */
	__asm__ volatile("stdu 1, -400(1)\n\t"
			 "std 2, 24(1)\n\t"
			 "mtctr 12\n\t"
			 "bctrl\n\t"
			 "ld 2, 24(1)\n\t"
			 "addi 1, 1, 400\n\t"
			 "bns+ 1f\n\t"
			 "neg 3, 3\n"
			 "1:"
			 : "+r"(r12), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7)
			 :
			 : "r0", "r8", "r9", "r10", "r11", "lr", "cr0", "cr1", "cr5", "cr6", "cr7", "ctr", "xer",
			   "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
			   "v14", "v15", "v16", "v17", "v18", "v19",
			   "fr0", "fr1", "fr2", "fr3", "fr4", "fr5", "fr6", "fr7", "fr8", "fr9", "fr10", "fr11",
			   "fr12", "fr13", "memory");
	return r3;
}
