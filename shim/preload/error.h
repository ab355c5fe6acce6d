/* SPDX-License-Identifier: MIT */
/* errno, for the functions that answer as libc's do. Thread-safe, async-signal-safe. */
#ifndef ERROR_H
#define ERROR_H

#include "compiler.h"

/* For syscall-ARCH.S too: a name that no program can have. */
#define error_return vgetrandom_error_return
#define error_has_errno vgetrandom_error_has_errno

/* Stores the errno of a kernel's answer below zero and returns -1. */
long error_return(long answer);

/* Whether there is an errno to store to: not in a program that has a loader and no libc (Go's PIE programs). */
bool error_has_errno(void);

/* What a libc function returns for the kernel's answer. */
static inline long with_errno(long answer)
{
	return likely(answer >= 0) ? answer : error_return(answer);
}

#endif
