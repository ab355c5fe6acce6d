/* SPDX-License-Identifier: MIT */
/*
 * The system calls that this library makes beside getrandom, without libc: mmap, munmap and mprotect at load; what
 * arc4random does when the kernel offers nothing; and what VGETRANDOM=lock asks for. Each returns the kernel's answer,
 * -errno on failure. Async-signal-safe.
 */
#ifndef SYSCALLS_H
#define SYSCALLS_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "arch/arch.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

static inline int sys_getpid(void)
{
	return (int)raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline int sys_gettid(void)
{
	return (int)raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

static inline long sys_tgkill(int pid, int tid, int signal)
{
	return raw_syscall(SYS_tgkill, pid, tid, signal, 0, 0, 0);
}

/* NULL when refused. */
static inline void *sys_mmap(size_t len, int prot, int flags)
{
	long ret = raw_syscall(SYS_mmap, 0, (long)len, prot, flags, -1, 0);

	return ret < 0 && ret > -4096 ? NULL : (void *)ret;
}

static inline long sys_munmap(void *addr, size_t len)
{
	return raw_syscall(SYS_munmap, (long)addr, (long)len, 0, 0, 0, 0);
}

static inline long sys_mprotect(const void *addr, size_t len, int prot)
{
	return raw_syscall(SYS_mprotect, (long)addr, (long)len, prot, 0, 0, 0);
}

static inline long sys_madvise(void *addr, size_t len, int advice)
{
	return raw_syscall(SYS_madvise, (long)addr, (long)len, advice, 0, 0, 0);
}

/* Have pages stay in memory from their first use on (mlock2(2), since Linux 4.4). */
static inline long sys_mlock_on_fault(const void *addr, size_t len)
{
	return raw_syscall(SYS_mlock2, (long)addr, (long)len, MLOCK_ONFAULT, 0, 0, 0);
}

static inline long sys_open(const char *path, int flags, int mode)
{
	return raw_syscall(SYS_openat, AT_FDCWD, (long)path, flags, mode, 0, 0);
}

static inline long sys_read(int fd, void *buf, size_t len)
{
	return raw_syscall(SYS_read, fd, (long)buf, (long)len, 0, 0, 0);
}

static inline long sys_write(int fd, const void *buf, size_t len)
{
	return raw_syscall(SYS_write, fd, (long)buf, (long)len, 0, 0, 0);
}

static inline long sys_close(int fd)
{
	return raw_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* Waits without limit. */
static inline long sys_poll(struct pollfd *fds, unsigned int count)
{
	return raw_syscall(SYS_ppoll, (long)fds, count, 0, 0, 0, 0);
}

/* The kernel's signal sets have 64 bits on every architecture here. */
static inline long sys_unblock(int signal)
{
	uint64_t set = UINT64_C(1) << (signal - 1);

	return raw_syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&set, 0, sizeof(set), 0, 0);
}

/* The kernel's struct sigaction is of four words; all zeros is SIG_DFL, whatever their order. */
static inline long sys_default_action(int signal)
{
	const uint64_t action[4] = {0};

	return raw_syscall(SYS_rt_sigaction, signal, (long)action, 0, sizeof(uint64_t), 0, 0);
}

#endif
