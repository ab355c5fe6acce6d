/* SPDX-License-Identifier: MIT */
/* What core/ and an allocator need of glibc, their host: see core.h. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <sched.h>
#include <sys/mman.h>
#include <sysdep.h>

#define CORE_NAME(name) __getrandom_##name
#define core __getrandom_settings
#define core_thread __getrandom_thread
#define platform_counts false

extern struct process_settings __getrandom_settings attribute_hidden;

/* Zeros for each thread: glibc fills thread-local storage anew when a stack is used again. */
extern __thread struct thread_record __getrandom_thread attribute_hidden attribute_tls_model_ie;

static inline long platform_getrandom(void *buf, size_t len, unsigned int flags)
{
	return INTERNAL_SYSCALL_CALL(getrandom, buf, len, flags);
}

/* Memory for states, as vdso_parameters() says; NULL when refused. */
static inline void *platform_map(size_t size)
{
	void *states = __mmap(NULL, size, core.mmap_prot, core.mmap_flags, -1, 0);

	return states == MAP_FAILED ? NULL : states;
}

/* Where this thread runs, or ran a moment ago: by its rseq area, or by the vDSO. */
static inline unsigned int platform_processor(void)
{
	return sched_getcpu();
}

#endif
