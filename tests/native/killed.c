/* SPDX-License-Identifier: MIT */
/*
 * Draws, and then makes a system call that its own filter kills for.
 *
 * Usage: killed trap|kill|never [library]
 *	trap, kill	the filter's way: a signal that names the call, or death at once; never: the call is not made
 *	library		the filter is there only when LD_PRELOAD is set
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DRAWS	100

int main(int argc, char *argv[])
{
	const unsigned int action = !strcmp(argv[1], "trap") ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sethostname, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };
	char bytes[16];

	if (argc < 3 || getenv("LD_PRELOAD"))
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0))
			return 3;
	for (int i = 0; i < DRAWS; i++)
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			return 4;
	if (strcmp(argv[1], "never"))
		sethostname("", 0);
	return 0;
}
