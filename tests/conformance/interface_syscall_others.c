/* SPDX-License-Identifier: MIT */
/*
 * syscall() of every other number is unharmed: six arguments, wide results, errno, and a clone that acts as fork.
 *
 * Source: syscall(2)
 * Kind: promise
 */
#include "tap.h"
#include "libc.h"

#include <fcntl.h>
#include <sys/uio.h>

#define PAGE	((size_t)sysconf(_SC_PAGESIZE))

static void results(void)
{
	long got;

	errno = 99;
	check(syscall(SYS_getpid) == getpid() && errno == 99, "getpid, with errno left alone");
	errno = 0;
	got = syscall(SYS_close, -1);
	check(got == -1 && errno == EBADF, "close(-1): -1 and EBADF, not %ld, errno %d", got, errno);
	errno = 0;
	got = syscall(100000, 1, 2, 3, 4, 5, 6);
	check(got == -1 && errno == ENOSYS, "no such call: -1 and ENOSYS, not %ld, errno %d", got, errno);
	errno = 0;
	got = syscall(-1L);
	check(got == -1 && errno == ENOSYS, "number -1: -1 and ENOSYS, not %ld, errno %d", got, errno);
}

#ifdef SYS_mmap
static void *map_second_page(int memory)
{
#ifdef __s390x__	/* there it takes them in memory */
	unsigned long arguments[] = { 0, PAGE, PROT_READ, MAP_SHARED, memory, PAGE };

	return (void *)syscall(SYS_mmap, arguments);
#else
	return (void *)syscall(SYS_mmap, NULL, PAGE, PROT_READ, MAP_SHARED, memory, PAGE);
#endif
}

/* The address is wider than an int, and the sixth argument decides what is mapped. */
static void six_arguments(void)
{
	unsigned char *mapped, *moved;
	int memory = memfd_create("six", 0);
	struct iovec here = { &(char){ 0 }, 1 }, there = { &(char){ 42 }, 1 };
	long got;

	if (!check(memory >= 0 && !ftruncate(memory, 2 * PAGE) && pwrite(memory, "\x77", 1, PAGE) == 1, "a file of two pages"))
		return;
	mapped = map_second_page(memory);
	check(mapped != MAP_FAILED && mapped[0] == 0x77, "mmap: sixth argument and address arrive");
	moved = (void *)syscall(SYS_mremap, mapped, PAGE, PAGE, MREMAP_MAYMOVE);
	check(moved == mapped, "mremap: four arguments");
	check(syscall(SYS_munmap, mapped, PAGE) == 0, "munmap");
	got = syscall(SYS_process_vm_readv, getpid(), &here, 1L, &there, 1L, 0L);
	check(got == 1 && *(char *)here.iov_base == 42, "process_vm_readv: six arguments, not %ld, errno %d", got, errno);
	errno = 0;
	got = syscall(SYS_process_vm_readv, getpid(), &here, 1L, &there, 1L, 7L);
	check(got == -1 && errno == EINVAL, "process_vm_readv: a bad sixth is EINVAL, not %ld, errno %d", got, errno);
	close(memory);
}
#else
static void six_arguments(void) { }
#endif

static void clone_as_fork(void)
{
	volatile int mine = 1;
	pid_t child = raw_clone(SIGCHLD);

	if (!child) {
		mine = 2;
		_exit(mine == 2 && getppid() > 0 ? 0 : 1);
	}
	check(child > 0, "clone gives the parent a pid: %d", child);
	wait_ok(child, "the child of syscall(SYS_clone)");
	check(mine == 1, "it had memory of its own");
}

/* A number with rubbish in its upper half is that number: the kernel takes 32 bits. */
static void arguments_by_position(void)
{
	static const char text[] = "abcdefgh";
	char back[8] = { 0 };
	int ends[2];

	check(syscall(SYS_pipe2, ends, O_CLOEXEC) == 0, "pipe2");
	check(syscall(SYS_write, ends[1], text, 5L) == 5, "write: three arguments");
	check(syscall(SYS_read, ends[0], back, 8L) == 5 && !memcmp(back, text, 5), "read: three arguments");
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	case_begin("syscall() of other numbers is unharmed", 10);
	results();
	arguments_by_position();
	six_arguments();
	clone_as_fork();
	return case_end();
}
