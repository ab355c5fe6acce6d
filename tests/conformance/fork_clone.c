/* SPDX-License-Identifier: MIT */
/*
 * Promise: the same after a raw clone system call that copies the process: libc does not see it happen, and the child still
 * has its parent's idea of its own pid and tid.
 * Source: clone(2). Sandboxes and container runtimes make processes in this way.
 * Kind: quality
 */
#include "family.h"

#include <sched.h>

/* The kernel takes the flags second on s390, first elsewhere. */
static pid_t raw_clone(void)
{
#ifdef __s390x__
	return (pid_t)syscall(SYS_clone, 0UL, (unsigned long)SIGCHLD, 0UL, 0UL, 0UL);
#else
	return (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0UL, 0UL, 0UL, 0UL);
#endif
}

int main(void)
{
	family_begin("parent and child of a raw clone draw different bytes", 1000000);
	return family_case(raw_clone, "clone");
}
