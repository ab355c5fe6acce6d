/* What core/ needs of musl, its host: see core.h. To be installed as src/random/platform.h. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "pthread_impl.h"
#include "syscall.h"

#define CORE_NAME(name) __random_##name
#define core __random_settings
#define core_thread (*(struct thread_record *)__pthread_self()->random)

extern hidden struct process_settings __random_settings;

static inline long platform_getrandom(void *buf, size_t len, unsigned int flags)
{
	return __syscall(SYS_getrandom, buf, len, flags);
}

#endif
