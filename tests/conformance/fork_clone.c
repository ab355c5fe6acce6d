/* SPDX-License-Identifier: MIT */
/*
 * Promise: the same after a raw clone system call that copies the process: libc does not see it happen, and the
 * child still has its parent's idea of its own pid and tid.
 * Source: clone(2). Sandboxes and container runtimes make processes in this way.
 * Kind: quality
 */
#include "family.h"

#include <sched.h>

static pid_t copy(void)
{
	return raw_clone(SIGCHLD);
}

int main(void)
{
	family_begin("parent and child of a raw clone draw different bytes", 1000000);
	return family_case(copy, "clone");
}
