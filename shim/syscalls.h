/* SPDX-License-Identifier: MIT */
/*
 * The system calls that this library makes, all of them, by hand: libc is not ours to call.
 * Each returns the kernel's answer, -errno on failure. Async-signal-safe.
 */
#ifndef SYSCALLS_H
#define SYSCALLS_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "arch/arch.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static inline long sys_getrandom(void *buf, size_t len, unsigned int flags)
{
	return raw_syscall(SYS_getrandom, (long)buf, (long)len, flags, 0, 0, 0);
}

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

static inline long sys_mprotect(void *addr, size_t len, int prot)
{
	return raw_syscall(SYS_mprotect, (long)addr, (long)len, prot, 0, 0, 0);
}

static inline long sys_madvise(void *addr, size_t len, int advice)
{
	return raw_syscall(SYS_madvise, (long)addr, (long)len, advice, 0, 0, 0);
}

/* Names the mapping in /proc/PID/maps (prctl(2), PR_SET_VMA; since Linux 5.17, if configured). */
static inline long sys_name_mapping(const void *addr, size_t len, const char *name)
{
	return raw_syscall(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, (long)addr, (long)len, (long)name, 0);
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

static inline long sys_getcwd(char *buf, size_t len)
{
	return raw_syscall(SYS_getcwd, (long)buf, (long)len, 0, 0, 0, 0);
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

static inline _Noreturn void sys_exit_group(int status)
{
	for (;;)
		raw_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

#endif
