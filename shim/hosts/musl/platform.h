/* SPDX-License-Identifier: MIT */
/* What core/ and an allocator need of musl, their host: see core.h. */
#ifndef PLATFORM_H
#define PLATFORM_H

#define _GNU_SOURCE
#include <sched.h>
#include <sys/mman.h>

#include "pthread_impl.h"
#include "syscall.h"

#define CORE_NAME(name) __random_##name
#define core __random_settings
#define core_thread (*(struct thread_record *)__pthread_self()->random)	/* musl hands out thread memory as zeros */
#define platform_counts false

extern hidden struct process_settings __random_settings;

/* A cancellation point, as musl's getrandom() is. A draw from the vDSO, which never waits, is none. */
static inline long platform_getrandom(void *buf, size_t len, unsigned int flags)
{
	return __syscall_cp(SYS_getrandom, buf, len, flags);
}

/* Memory for states, as vdso_parameters() says; NULL when refused. */
static inline void *platform_map(size_t size)
{
	long states = __syscall(SYS_mmap, 0, size, core.mmap_prot, core.mmap_flags, -1, 0);

	return states < 0 && states > -4096L ? 0 : (void *)states;
}

/* Where this thread runs, or ran a moment ago: by the vDSO, but on aarch64. */
static inline unsigned int platform_processor(void)
{
	return sched_getcpu();
}

#endif
