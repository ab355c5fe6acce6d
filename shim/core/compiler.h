/* SPDX-License-Identifier: MIT */
/* Words for what the compiler should know or leave alone. */
#ifndef CORE_COMPILER_H
#define CORE_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define HIDDEN __attribute__((visibility("hidden")))	/* -fvisibility=hidden leaves declarations out */
#define COLD __attribute__((cold, noinline))

/*
 * Keeps the order of memory accesses in the generated code. That is enough for this thread's own signal handlers,
 * and for a forked child, which sees what this thread had written.
 */
#define barrier() __asm__ volatile("" ::: "memory")

#endif
