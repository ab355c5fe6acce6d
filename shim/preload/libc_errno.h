/* SPDX-License-Identifier: MIT */
/* errno, for the functions that answer as libc's do. Thread-safe, async-signal-safe. */
#ifndef LIBC_ERRNO_H
#define LIBC_ERRNO_H

#include "compiler.h"

/* For syscall-ARCH.S too: a name that no program can have. */
#define libc_errno_return vgetrandom_libc_errno_return
#define libc_errno_is_there vgetrandom_libc_errno_is_there

/* Stores the errno of a kernel's answer below zero and returns -1. */
long libc_errno_return(long answer);

/* Whether there is an errno to store to: not in a program that has a loader and no libc (Go's PIE programs). */
bool libc_errno_is_there(void);

/* What a libc function returns for the kernel's answer. */
static inline long with_errno(long answer)
{
	return likely(answer >= 0) ? answer : libc_errno_return(answer);
}

#endif
