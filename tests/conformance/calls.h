/* SPDX-License-Identifier: MIT */
/*
 * Every system call of a program, its threads and its children, as a tracer sees them (ptrace): before any filter
 * has its say.
 */
#ifndef CONFORM_CALLS_H
#define CONFORM_CALLS_H

#include "tap.h"

#include <sys/ptrace.h>

#define CALLS_FIRST_MARK	0x40000000	/* no process group's number */

/* A mark in what the tracer sees: a system call that no implementation of getrandom would think of. */
static inline void calls_mark(int number)
{
	syscall(SYS_getpgid, CALLS_FIRST_MARK + number);
}

struct call {
	pid_t who;			/* thread */
	long number;
	uint64_t arguments[6];
	int mark;			/* calls_mark(mark), or -1 */
};

/* First thing in the process that is to be followed. */
static inline void calls_may_be_followed(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(76);
	raise(SIGSTOP);
}

/* What the thread has just entered. False: it returns from a call, or the kernel does not tell (Linux 5.3 does). */
static inline bool calls_entered(pid_t who, struct call *call)
{
	struct __ptrace_syscall_info info;

	memset(&info, 0, sizeof(info));
	if (syscall(SYS_ptrace, PTRACE_GET_SYSCALL_INFO, who, sizeof(info), &info) <= 0 || info.op != 1)
		return false;
	call->who = who;
	call->number = (long)info.entry.nr;
	memcpy(call->arguments, info.entry.args, sizeof(call->arguments));
	call->mark = -1;
	if (call->number == SYS_getpgid && call->arguments[0] >= CALLS_FIRST_MARK)
		call->mark = (int)(call->arguments[0] - CALLS_FIRST_MARK);
	return true;
}

/*
 * Follow a child that has called calls_may_be_followed(), and all that it starts, to the end of all of them.
 * Returns the child's wait status, or -1 when it can't be traced.
 */
static inline int calls_follow(pid_t child, void (*entered)(const struct call *call, void *user), void *user)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_EXITKILL;
	int status, of_child = -1;
	struct call call;
	pid_t who = waitpid(child, &status, __WALL);

	if (who != child || !WIFSTOPPED(status) || ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options))
		return -1;
	ptrace(PTRACE_SYSCALL, child, NULL, NULL);
	while ((who = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		int signal = 0;

		if (who > 0 && WIFSTOPPED(status)) {
			if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
				if (calls_entered(who, &call))
					entered(&call, user);
			} else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
				signal = WSTOPSIG(status);
			}
			ptrace(PTRACE_SYSCALL, who, NULL, (void *)(long)signal);
		} else if (who == child) {
			of_child = status;
		}
	}
	errno = 0;
	return of_child;
}

#endif
