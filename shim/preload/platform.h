/* SPDX-License-Identifier: MIT */
/* What core/ needs of this library, its host. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <sys/syscall.h>

#include "record.h"

#define CORE_NAME(name) vgetrandom_##name
#define core (vgetrandom_record.settings)
#define core_thread vgetrandom_thread
#define platform_counts true

extern HIDDEN _Thread_local struct thread_record vgetrandom_thread;

static inline long platform_getrandom(void *buf, size_t len, unsigned int flags)
{
	return raw_syscall(SYS_getrandom, (long)buf, (long)len, flags, 0, 0, 0);
}

#endif
