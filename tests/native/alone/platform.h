/* SPDX-License-Identifier: MIT */
/* The least that shim/core/ asks of its host: names that are declared here and that somebody else defines. */
#ifndef PLATFORM_H
#define PLATFORM_H

#define CORE_NAME(name) alone_##name
#define core alone_settings
#define core_thread (*alone_thread())
#define platform_counts true
#define platform_getrandom alone_getrandom

extern struct process_settings alone_settings;
struct thread_record *alone_thread(void);
long alone_getrandom(void *buf, size_t len, unsigned int flags);

/* What the allocators beside core ask besides. */
#define platform_map alone_map
#define platform_processor alone_processor
void *alone_map(size_t size);
unsigned int alone_processor(void);

#endif
