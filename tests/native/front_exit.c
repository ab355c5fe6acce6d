/* SPDX-License-Identifier: MIT */
/* A library preloaded before the reporter: it adds one to the exit status and hands on, and is not to be handed it back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

void _exit(int status)
{
	static int entered;
	void (*next)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");

	if (!next || entered++)
		syscall(SYS_exit_group, 98);
	next(status + 1);
	__builtin_unreachable();
}
