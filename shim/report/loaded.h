/* SPDX-License-Identifier: MIT */
/* What the objects of this process define: the copies of the main library, and who comes next with a function of ours. */
#ifndef REPORT_LOADED_H
#define REPORT_LOADED_H

#include "compiler.h"
#include "vgetrandom.h"

struct loaded {
	const struct vgetrandom_process *record;	/* of the first copy, which serves the program; NULL without any */
	unsigned int copies;
	void (*next_exit)(int status);			/* the next object's _exit, as RTLD_NEXT in dlsym(3); or NULL */
};

/*
 * Looks through all objects that are loaded. It takes the loader's lock: for the constructor alone, never for the end of a
 * process, where a thread that is gone, or that we interrupted, may hold it.
 */
HIDDEN void loaded_find(struct loaded *found);

#endif
