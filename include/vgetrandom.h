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
 * The state of slot i begins at states + i / n * page_size + i % n * state_stride, where n is page_size /
 * state_stride; its tail lies state_size bytes from there. Of a state, read nothing but the tail. What this
 * process has had from the vDSO is the sum over the tails of the slots below *used: a fork wipes them all,
 * and where the kernel drops a page, what was counted there is lost.
 */
#define VGETRANDOM_MAGIC		UINT64_C(0x6d6f646e61726776)	/* "vgrandom", little-endian */
#define VGETRANDOM_RECORD_VERSION	2

enum vgetrandom_status {
	VGETRANDOM_ACTIVE = 1,		/* draws come from the vDSO */
	VGETRANDOM_OFF = 2,		/* VGETRANDOM=off was in the environment */
	VGETRANDOM_NO_VDSO = 3,		/* this kernel's vDSO has no getrandom, or there is no vDSO */
	VGETRANDOM_NO_PARAMS = 4,	/* the vDSO would not tell its parameters, or told unusable ones */
	VGETRANDOM_NO_MEMORY = 5,	/* a mapping or mprotect was refused */
	VGETRANDOM_NO_LIBC = 6,		/* no getauxval or no errno here: a program with a loader and without libc */
};

enum vgetrandom_memory {		/* what the states lie in */
	VGETRANDOM_MEMORY_NONE = 0,		/* there are none: not ACTIVE */
	VGETRANDOM_MEMORY_DROPPABLE = 1,	/* as the kernel asked (MAP_DROPPABLE) */
	VGETRANDOM_MEMORY_LOCKED = 2,		/* VGETRANDOM=lock: ordinary, wiped at a fork, locked, not dumped */
	VGETRANDOM_MEMORY_LOCK_REFUSED = 3,	/* VGETRANDOM=lock, and the kernel refused: droppable */
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

struct vgetrandom_slot {
	uint64_t home;			/* address of the thread-local record of its owner; 0: not given */
	uint64_t confirmed;		/* the stamp with which a later thread may draw on; 0: none */
	uint64_t next;			/* number of another slot, plus one, in the library's own index */
};

struct vgetrandom_tail {		/* behind each state; all zeros until used, and again after a fork or a drop */
	uint64_t stamp;			/* the number that the owner wrote when it took or renewed the state */
	uint64_t begun;			/* draws begun */
	uint64_t calls;			/* draws ended; `begun` is one more while the owner is inside */
	uint64_t bytes;			/* that they returned */
};

struct vgetrandom_process {		/* written once, then read-only */
	uint64_t magic;			/* VGETRANDOM_MAGIC; 0 until initialised */
	uint32_t version;		/* VGETRANDOM_RECORD_VERSION */
	uint32_t size;			/* of this structure, in bytes */
	uint32_t status;		/* enum vgetrandom_status */
	uint32_t memory;		/* enum vgetrandom_memory */
	char release[16];		/* this library's version, NUL-terminated */
	uint64_t entry;			/* address of the vDSO function, or 0 */
	uint64_t small_limit;		/* bytes of address space above the first 4096 in which a small buffer
					   can begin and be user memory; 0 unless ACTIVE */
	uint64_t large;			/* bytes from which a request is large */
	uint64_t user_span;		/* as small_limit, for a buffer of no bytes */
	uint64_t states;		/* address of the first state, or 0 */
	uint32_t state_size;		/* bytes; this and mmap_* as the kernel asked for them */
	uint32_t state_stride;		/* bytes from one state to the next in its page */
	uint32_t mmap_prot;
	uint32_t mmap_flags;
	uint32_t page_size;		/* bytes */
	uint32_t most_vector;		/* the best enum vgetrandom_vector that may be used; 0: none, or VGETRANDOM=nobulk */
	uint64_t first;			/* address of the thread-local record of the thread that loaded the library */
	uint64_t slot;			/* address of an array of struct vgetrandom_slot */
	uint64_t used;			/* address of a uint32_t: slots given so far; may pass `slots` when all are */
	uint64_t vector;		/* address of a uint32_t: enum vgetrandom_vector, 0 until a large request */
	uint32_t slots;			/* how many there are */
	uint32_t reserved;
};

#ifdef __cplusplus
}
#endif
#endif
