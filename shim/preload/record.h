/* SPDX-License-Identifier: MIT */
/*
 * The process record: what this library knows of the process it is in, core's part and what tools want beside it. The
 * constructor writes it, then its page is read-only: the entry point can't be redirected.
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
 * Make the record read-only, and with it all that the loader has written of this library. False when the kernel
 * refuses.
 */
bool record_protect(void);

#endif
