/* SPDX-License-Identifier: MIT */
/*
 * Drawing until it is warm: an implementation may answer the first draws of a process, and of a thread, by the
 * system call, and have memory of its own for later ones only.
 */
#ifndef CONFORM_WARM_H
#define CONFORM_WARM_H

#include "libc.h"
#include "memory.h"

#define WARM_DRAWS	32	/* whoever is not warm after so many will not be */

/* Make the calling thread warm. */
static inline void warm_thread(void)
{
	unsigned char bytes[16];

	for (int i = 0; i < WARM_DRAWS; i++)
		draw(bytes, sizeof(bytes));
}

/* Draw until this process has droppable memory. Returns how many draws that took; 0: it has none after WARM_DRAWS. */
static inline int warm_droppable(void)
{
	unsigned char bytes[16];
	struct mapping found;

	for (int draws = 1; draws <= WARM_DRAWS; draws++) {
		draw(bytes, sizeof(bytes));
		if (mappings_find("self", "dp", &found, 1))
			return draws;
	}
	return 0;
}

/* Only before the first check. */
static inline void needs_droppable(void)
{
	if (!warm_droppable())
		skip_all("this process has no droppable memory after %d draws", WARM_DRAWS);
}

#endif
