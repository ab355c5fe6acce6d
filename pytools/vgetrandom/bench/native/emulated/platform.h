/* SPDX-License-Identifier: MIT */
/* count.c as a host of shim/core. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <sys/syscall.h>

#define CORE_NAME(name) count_##name
#define core count_settings
#define core_thread count_thread
#define platform_counts true	/* as the library's: its instructions are the ones that are counted */

extern struct process_settings count_settings;
extern _Thread_local struct thread_record count_thread;

static inline long platform_getrandom(void *buf, size_t len, unsigned int flags)
{
	return raw_syscall(SYS_getrandom, (long)buf, (long)len, flags, 0, 0, 0);
}

#endif
