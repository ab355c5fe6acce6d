/* SPDX-License-Identifier: MIT */
/* What every worker can measure beside its contender, to make pairs in one process. */
#ifndef REFERENCES_H
#define REFERENCES_H

#include <sys/types.h>

#include "worker.h"

draws draw_nothing, draw_by_system_call, draw_from_vdso;

/* Before the first draw from the vDSO. Returns NULL, or in a few words why it can't be had here. */
const char *vdso_prepare(void);

/* getrandom(2) from the vDSO and nothing else: a state for each thread, and errno. After vdso_prepare(). */
ssize_t thin_getrandom(void *buf, size_t size, unsigned int flags);

#endif
