/* SPDX-License-Identifier: MIT */
/* What glibc calls of core and of an allocator that has hooks (allocator.h). */
#ifndef EARLY_INIT_H
#define EARLY_INIT_H

extern void __getrandom_early_init(_Bool) attribute_hidden;
extern void __getrandom_allocator_fork(int) attribute_hidden;
extern void __getrandom_allocator_thread_end(void) attribute_hidden;

#endif
