/* SPDX-License-Identifier: MIT */
/* What the objects of this process define: the copies of the main library, and the next functions of our names. */
#ifndef REPORT_LOADED_H
#define REPORT_LOADED_H

#include "compiler.h"
#include "vgetrandom.h"

struct loaded {
	const struct vgetrandom_process *record;	/* of the first copy, which serves the program; NULL: none */
	unsigned int copies;
	/* The next object's functions, as RTLD_NEXT in dlsym(3); or NULL */
	void (*next_exit)(int status);
	int (*next_prctl)(int option, ...);
};

/*
 * Looks through all objects that are loaded. It takes the loader's lock: for the constructor alone, never for the end
 * of a process, where a thread that is gone, or that we interrupted, may hold it.
 */
HIDDEN void loaded_find(void);

HIDDEN extern struct loaded loaded;

#endif
