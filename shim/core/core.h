/* SPDX-License-Identifier: MIT */
/*
 * What core/ knows, and what it needs of its host. The host's platform.h, included here, defines
 *   CORE_NAME(name)	`name` with the host's prefix, for the linker
 *   core		an lvalue of struct process_settings: written at start, before the first thread, and best
 *			made read-only then
 *   core_thread	an lvalue of struct thread_record (slots.h; 32 bytes), one a thread, all zeros when the thread
 *			begins; its address may serve a later thread when this one has ended, and no other thread meanwhile
 *   platform_getrandom(void *buf, size_t len, unsigned int flags)
 *			the system call: the kernel's answer, -errno on failure; errno is not touched
 *   platform_counts	true: each state's tail counts the bytes that it served, for tools that look
 * Nothing here calls anything else, allocates, locks, or makes another system call.
 */
#ifndef CORE_H
#define CORE_H

#include "arch/arch.h"
#include "compiler.h"

struct process_settings {
	vdso_getrandom *entry;		/* the vDSO's function */
	uint64_t small_limit;		/* bytes of address space above DRAW_LOWEST in which a small buffer can begin and be
					   user memory; 0 until, and unless, draws can come from the vDSO: written last */
	uint64_t large;			/* bytes from which a request is large */
	uint64_t user_span;		/* as small_limit, for a buffer of no bytes */
	unsigned char *states;		/* slots_size() bytes, mapped as vdso_parameters() says */
	uint32_t state_size;		/* bytes; the state's tail lies behind */
	uint32_t state_stride;		/* bytes from one state to the next in its page */
	uint32_t mmap_prot, mmap_flags;
	uint32_t page_size;		/* bytes */
	uint32_t most_vector;		/* the best enum chacha_vector that may be used; 0: none, large requests come from
					   the vDSO or the system call */
	struct thread_record *first;	/* of the thread that called draw_start() */
};

#include "platform.h"

#include "names.h"

#endif
