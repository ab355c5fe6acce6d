/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include <linux/kcmp.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "arch/arch.h"

__attribute__((weak)) pthread_t pthread_self(void);
__attribute__((weak)) int pthread_getcpuclockid(pthread_t thread, clockid_t *clock);

/*
 * The thread id that libc has in memory; 0 when it does not tell (glibc before 2.34 without libpthread). It is in the
 * clock's number, in every libc: pthread_getcpuclockid() makes no system call. A fork's child gets its own, a vfork's
 * does not.
 */
static int remembered_tid(void)
{
	clockid_t clock;

	if (!pthread_self || !pthread_getcpuclockid || pthread_getcpuclockid(pthread_self(), &clock))
		return 0;
	return ~(clock >> 3);	/* include/linux/posix-timers.h: make_thread_cpuclock() */
}

bool owner_is_another(int pid)
{
	int tid = remembered_tid();
	long parent, difference;

	if (tid && raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0) == tid)
		return false;
	/* Not forked by libc, or not known: the kernel can compare (kcmp(2)). If it may not, what libc knows stands. */
	parent = raw_syscall(SYS_getppid, 0, 0, 0, 0, 0, 0);
	difference = raw_syscall(SYS_kcmp, pid, parent, KCMP_VM, 0, 0, 0);
	return difference < 0 ? tid : difference == 0;
}
