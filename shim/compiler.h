/* SPDX-License-Identifier: MIT */
/* Words for what the compiler should know or leave alone. */
#ifndef COMPILER_H
#define COMPILER_H

#include "names.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define EXPORT __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))	/* -fvisibility=hidden leaves declarations out */

/* In the static archive a weak reference would pull nothing out of libc.a. */
#ifdef STATIC_ARCHIVE
#define WEAK
#else
#define WEAK __attribute__((weak))
#endif

#define COLD __attribute__((cold, noinline))

/*
 * Zeros that are kept in .data. The page or pages of .bss hold what must have whole pages to itself or is rarely touched;
 * so a process dirties one page for all small variables, and not three.
 */
#define TOGETHER __attribute__((section(".data")))

/*
 * Keeps the order of memory accesses in the generated code. That is enough towards this thread's own
 * signal handlers, and towards a forked child, whose memory is what this thread had written.
 */
#define barrier() __asm__ volatile("" ::: "memory")

#endif
