/* SPDX-License-Identifier: MIT */
/*
 * vgetrandom: random bytes from the kernel's vDSO getrandom, without a system call.
 *
 * Link with -lvgetrandom, or preload the library: then getrandom, getentropy, arc4random,
 * arc4random_buf, arc4random_uniform and syscall(SYS_getrandom) are served the same way.
 */
#ifndef VGETRANDOM_H
#define VGETRANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fill buf with len random bytes, exactly as getrandom(2): the same flags, the same errors in
 * errno, the same result. At most INT_MAX & PAGE_MASK bytes a call. Returns the number of bytes, or -1.
 *
 * Thread-safe, async-signal-safe, safe after every kind of fork. A buffer that is mapped but
 * not writable faults (SIGSEGV) where the system call would have said EFAULT.
 */
ssize_t vgetrandom(void *buf, size_t len, unsigned int flags);

/*
 * The process record: what this library is doing in this process, for tools that read
 * /proc/PID/mem. All fields are in the machine's byte order; an address is one in that process.
 *
 *   calls, bytes served by the vDSO in this process
 *              sum over the slots whose claim number is at least that of the epoch word
 *              (slots with an older claim hold what an ancestor did before it forked)
 *   an epoch word of zero: this process is a forked child that has drawn at most once a thread
 */
#define VGETRANDOM_MAGIC		UINT64_C(0x6d6f646e61726776)	/* "vgrandom", little-endian */
#define VGETRANDOM_RECORD_VERSION	1
#define VGETRANDOM_BLOCKS		19	/* blocks of 16, 16, 32, 64, ... slots: 2^22, every possible tid */
#define VGETRANDOM_TID_BITS		22	/* the low bits of an owner or epoch word: a tid or a pid */

enum vgetrandom_status {
	VGETRANDOM_ACTIVE = 1,		/* draws come from the vDSO */
	VGETRANDOM_OFF = 2,		/* VGETRANDOM=off was in the environment */
	VGETRANDOM_NO_VDSO = 3,		/* this kernel's vDSO has no getrandom, or there is no vDSO */
	VGETRANDOM_NO_PARAMS = 4,	/* the vDSO would not tell its parameters, or told unusable ones */
	VGETRANDOM_NO_MEMORY = 5,	/* a mapping, MADV_WIPEONFORK or mprotect was refused */
	VGETRANDOM_NO_LIBC = 6,		/* no getauxval or no errno here: a program with a loader and without libc */
};

enum vgetrandom_vector {		/* what expands the keys of large requests */
	VGETRANDOM_VECTOR_NONE = 1,	/* nothing: they come from the vDSO as small ones do, or from the system call */
	VGETRANDOM_VECTOR_NEON = 2,
	VGETRANDOM_VECTOR_AVX2 = 3,
	VGETRANDOM_VECTOR_AVX512 = 4,
	VGETRANDOM_VECTOR_SSE2 = 5,
	VGETRANDOM_VECTOR_VSX = 6,	/* powerpc64le */
	VGETRANDOM_VECTOR_VX = 7,	/* s390x's vector facility */
	VGETRANDOM_VECTOR_LSX = 8,	/* loongarch64 */
	VGETRANDOM_VECTOR_RVV = 9,	/* riscv64's V */
};

struct vgetrandom_slot {		/* one cache line, one opaque state */
	uint64_t owner;			/* claim number << 22 | tid of the thread; 0: never used */
	uint64_t state;			/* address of the state */
	uint64_t calls;			/* served by the vDSO through this slot */
	uint64_t bytes;
	uint64_t reserved[4];
};

struct vgetrandom_slots {
	uint64_t claims;		/* the next claim number */
	uint64_t forks;			/* forks between the process that loaded the library and this one; a process
					   in which no thread took a slot counts only if it drew and VGETRANDOM_REPORT is set */
	uint64_t blocks;		/* how many of block[] are in use */
	uint64_t block[VGETRANDOM_BLOCKS]; /* address of an array of struct vgetrandom_slot */
};

struct vgetrandom_epoch {		/* zero again in every forked child (MADV_WIPEONFORK) */
	uint64_t word;			/* claim number << 22 | pid */
	uint64_t settled;		/* the word for which pre-fork slots may be reused */
	uint64_t threads;		/* threads that took a slot in this process */
	uint64_t reported;		/* the exit report has been written */
	uint64_t reserved[4];
	uint64_t fallbacks;		/* calls answered by the system call for want of a state */
	uint64_t first_draws;		/* calls answered by the system call because the thread had not drawn in this
					   process: it takes a slot when it draws again */
};

struct vgetrandom_process {		/* written once, then read-only */
	uint64_t magic;			/* VGETRANDOM_MAGIC; 0 until initialised */
	uint32_t version;		/* VGETRANDOM_RECORD_VERSION */
	uint32_t size;			/* of this structure, in bytes */
	uint32_t status;		/* enum vgetrandom_status */
	uint32_t page_size;		/* bytes */
	uint64_t entry;			/* address of the vDSO function, or 0 */
	uint32_t state_size;		/* bytes; this and the next two as the kernel asked for them */
	uint32_t mmap_prot;
	uint32_t mmap_flags;
	uint32_t state_stride;		/* bytes from one state to the next */
	uint64_t small_limit;		/* bytes of address space above the first 4096 in which a small buffer
					   can begin and be user memory; 0 unless ACTIVE */
	uint64_t large;			/* bytes from which a request is large */
	uint64_t user_span;		/* as small_limit, for a buffer of no bytes */
	uint64_t slots;			/* address of struct vgetrandom_slots */
	uint64_t epoch;			/* address of struct vgetrandom_epoch */
	uint64_t vector;		/* address of a uint32_t: enum vgetrandom_vector, 0 until a large request */
	uint32_t most_vector;		/* the best that may be used; NONE: VGETRANDOM=nobulk, or there are none */
	uint32_t reserved;
};

#ifdef __cplusplus
}
#endif
#endif
