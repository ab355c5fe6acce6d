/* SPDX-License-Identifier: MIT */
/*
 * Promise: the same after a raw clone3 system call that copies the process.
 * Source: clone(2). systemd and container runtimes make processes in this way.
 * Kind: quality
 */
#include "family.h"

#ifndef SYS_clone3
#define SYS_clone3 435	/* the same on all architectures */
#endif

struct arguments {	/* struct clone_args, version 0 */
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

static pid_t raw_clone3(void)
{
	struct arguments arguments = { .exit_signal = SIGCHLD };

	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

int main(void)
{
	pid_t child;

	family_begin("parent and child of a raw clone3 draw different bytes", 1000000);
	child = raw_clone3();
	if (child == 0)
		_exit(0);
	if (child < 0)
		skip_all("no clone3 here: errno %d", errno);
	wait_ok(child, "clone3");
	return family_case(raw_clone3, "clone3");
}
