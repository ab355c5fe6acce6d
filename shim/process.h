/* SPDX-License-Identifier: MIT */
/*
 * What this library knows of the process it is in. It is written once, by this library's constructor;
 * when draws can come from the vDSO its page is read-only from then on, and the entry point can't be redirected.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>

#include "arch/arch.h"
#include "compiler.h"
#include "vgetrandom.h"

/* The record has its page or pages to itself, so that they can be made read-only. */
union process_page {
	struct vgetrandom_process record;
	char page[PAGE_MAX];
};

extern HIDDEN union process_page process_page;
#define process (process_page.record)

/* Whether draws can come from the vDSO: true from the end of this library's constructor on, or never. */
bool process_ready(void);

/*
 * Whether the loader has relocated this library. Before that (an IFUNC resolver of another library may
 * call us so early) libc's errno can't be reached.
 */
bool process_relocated(void);

#endif
