/* SPDX-License-Identifier: MIT */
/*
 * Runs a program under a seccomp filter that answers some system calls with an error. Linked statically, so that
 * what is preloaded into the program is not into this one.
 *
 * Usage: refusing RULE... -- PROGRAM ARGUMENT...
 *	RULE: CALL=ERRNO, or CALL/ARGUMENT/MASK/VALUE=ERRNO: only where that argument, masked, has that value
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RULES	8
#define LENGTH	6	/* instructions of a rule */

static const struct {
	const char *name;
	unsigned int number;
} calls[] = {
	{ "futex", SYS_futex },		{ "getpid", SYS_getpid },	{ "getrandom", SYS_getrandom },
	{ "gettid", SYS_gettid },	{ "kcmp", SYS_kcmp },		{ "madvise", SYS_madvise },
	{ "mlock2", SYS_mlock2 },	{ "mmap", SYS_mmap },		{ "mprotect", SYS_mprotect },
	{ "openat", SYS_openat },	{ "ppoll", SYS_ppoll },		{ "prctl", SYS_prctl },
	{ "rt_sigprocmask", SYS_rt_sigprocmask },			{ "tgkill", SYS_tgkill },
};

static unsigned int number_of(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, name))
			return calls[i].number;
	fprintf(stderr, "refusing: no call %s in its table\n", name);
	exit(2);
}

/* Six instructions: load and compare the number; load, mask and compare the low half of an argument; answer. */
static void translate(struct sock_filter *code, char *rule)
{
	char *name = strtok(rule, "/="), *words[4] = { 0 };
	unsigned int argument = 0, mask = 0, value = 0, error, i;

	for (i = 0; i < 4 && (words[i] = strtok(NULL, "/=")); i++)
		;
	if (i != 1 && i != 4)
		exit(2);
	error = (unsigned int)strtoul(words[i - 1], NULL, 0);
	if (i == 4) {
		argument = (unsigned int)strtoul(words[0], NULL, 0);
		mask = (unsigned int)strtoul(words[1], NULL, 0);
		value = (unsigned int)strtoul(words[2], NULL, 0);
	}
	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(name), 0, 4);
	code[2] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * argument);
	code[3] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask);
	code[4] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	code[5] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
}

int main(int argc, char *argv[])
{
	struct sock_filter code[RULES * LENGTH + 1];
	struct sock_fprog filter = { 0, code };
	int word = 1;

	for (; word < argc && strcmp(argv[word], "--") && word <= RULES; word++)
		translate(code + LENGTH * (word - 1), argv[word]);
	if (word + 1 >= argc || strcmp(argv[word], "--"))
		return 2;
	filter.len = (unsigned short)(LENGTH * (word - 1) + 1);
	code[filter.len - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0)) {
		perror("refusing: filter");
		return 99;
	}
	execv(argv[word + 1], argv + word + 1);
	perror(argv[word + 1]);
	return 127;
}
