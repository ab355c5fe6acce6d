/* SPDX-License-Identifier: MIT */
/*
 * The process record: core's settings, and what tools want to know beside them. The constructor writes it; then its
 * page is read-only, so that the entry point can't be redirected.
 */
#ifndef RECORD_H
#define RECORD_H

/* struct vgetrandom_process in include/vgetrandom.h, which record.c compares it with. */
struct record {
	uint64_t magic;
	uint32_t version, size;
	uint32_t status, memory;
	char release[16];
	struct process_settings settings;
	uint64_t slot, used, vector;
	uint32_t slots, reserved;
};

/* For the linker: a name that no program can have. */
#define record_protect vgetrandom_record_protect

extern HIDDEN struct record vgetrandom_record;

/*
 * record_protect() makes whole pages read-only, from where the writable segment begins. musl's loader gives malloc
 * what lies before the segment in its first page (reclaim_gaps() in ldso/dynlink.c). So the segment has to begin a
 * page, and what the linker puts first in it is aligned. For the GNU linker that is .init_array, for LLVM's
 * .data.rel.ro, of which imports.c comes first. A test reads the built file.
 */
#if defined(STATIC_ARCHIVE)
#define INIT_ARRAY_ALIGN 8
#define IMPORTS_ALIGN 8
#elif defined(INIT_ARRAY_FIRST)
#define INIT_ARRAY_ALIGN PAGE_MAX
#define IMPORTS_ALIGN 8
#else
#define INIT_ARRAY_ALIGN 8
#define IMPORTS_ALIGN PAGE_MAX
#endif

/*
 * Make the record read-only, and with it all that the loader has written of this library. False when the kernel
 * refuses.
 */
bool record_protect(void);

#endif
