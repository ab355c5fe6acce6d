/* SPDX-License-Identifier: MIT */
/*
 * How many draws a process can make in seccomp's strict mode, where every system call but read, write and exit kills,
 * is a fact; the bytes it gets until then are good.
 *
 * Source: seccomp(2), SECCOMP_SET_MODE_STRICT
 * Kind: quality
 */
#include "sandbox.h"
#include "warm.h"

#define MOST	10000

int main(void)
{
	struct draws *draws;
	unsigned char bytes[16];
	int status, i;
	pid_t child;

	case_begin("draws in strict mode", 10);
	libc_needs(getrandom);
	draws = draws_new(MOST + 1);
	child = fork();
	if (!child) {
		warm_thread();
		if (prctl(PR_SET_SECCOMP, MODE_STRICT, 0, 0, 0))
			_exit(77);
		for (i = 1; i <= MOST && libc.getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes); i++)
			draws_add(draws, bytes, sizeof(bytes), i);
		syscall(SYS_exit, 0);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip_all("no strict mode here");
	check(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL), "the process ends well or is killed: %#x",
	      status);
	fact("draws-in-strict-mode", "%llu%s", (unsigned long long)draws->used, status ? "" : " and on");
	draw(bytes, sizeof(bytes));
	draws_add(draws, bytes, sizeof(bytes), MOST + 1);
	outputs_distinct(draws, "in strict mode");
	return case_end();
}
