/* SPDX-License-Identifier: MIT */
/*
 * A buffer at NULL or outside the user's address space is answered with EFAULT, as the system call does: the process
 * goes on.
 *
 * Source: getrandom(2), ERRORS: EFAULT (POSIX lets a libc crash on an invalid pointer; a program that was written
 *	for the system call does not expect it)
 * Kind: quality
 */
#include "tap.h"
#include "libc.h"

/* In a child: -1 and errno, or the signal that ended it, as one number. */
static int outcome(void *address, size_t length)
{
	int status;
	pid_t child = fork();
	unsigned char good[16];

	if (!child) {
		draw(good, sizeof(good));	/* the first draws of a process may be answered in another way */
		draw(good, sizeof(good));
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		errno = 0;
		_exit(libc.getrandom(address, length, 0) == -1 ? errno : 200);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
	void *const address[] = { NULL, (void *)1, (void *)(uintptr_t)(~(uintptr_t)0 / 2 + 1), (void *)(uintptr_t)-4096,
				  (void *)(uintptr_t)-1, (void *)((uintptr_t)1 << (sizeof(void *) * 8 - 8)) };
	static const size_t length[] = { 1, 32, 4096 };
	unsigned char *readonly;
	unsigned int i, j;
	int got;

	case_begin("NULL and addresses outside user memory are EFAULT", 20);
	libc_needs(getrandom);
	for (i = 0; i < sizeof(address) / sizeof(address[0]); i++) {
		for (j = 0; j < 3; j++) {
			got = outcome(address[i], length[j]);
			check(got == EFAULT, "%zu bytes at %p: EFAULT, not %s %d", length[j], address[i],
			      got > 1000 ? "signal" : "errno", got % 1000);
		}
	}
	readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	got = outcome(readonly, 32);
	fact("read-only-buffer", "%s", got == EFAULT ? "EFAULT" : got > 1000 ? "signal" : "other");
	return case_end();
}
