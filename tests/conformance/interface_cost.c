/* SPDX-License-Identifier: MIT */
/*
 * How many system calls the first draw, a warm draw and the first two draws of a thread and of a forked child cost:
 * facts, and that a draw makes some progress at all.
 *
 * Source: none; what a reader of the table wants to know
 * Kind: quality
 */
#include "tap.h"
#include "libc.h"

#include <pthread.h>
#include <sys/ptrace.h>

#define WARM	1000
#define MARKS	11

/* Marks what is counted: a system call that nothing else here makes. */
#define MARK() syscall(SYS_getppid)

static void draw_twice(void)
{
	unsigned char bytes[16];

	MARK();
	draw(bytes, sizeof(bytes));
	MARK();
	draw(bytes, sizeof(bytes));
	MARK();
}

static void *draw_in_thread(void *unused)
{
	draw_twice();
	return unused;
}

/* The program that is watched: a fresh one, whose very first draw is counted too. */
static void watched(void)
{
	unsigned char bytes[16];
	pthread_t thread;
	int i;

	libc_find();
	MARK();
	draw(bytes, sizeof(bytes));
	MARK();
	for (i = 0; i < WARM; i++)
		draw(bytes, sizeof(bytes));
	MARK();
	for (i = 0; i < WARM && libc.getentropy; i++)
		libc.getentropy(bytes, sizeof(bytes));
	MARK();
	for (i = 0; i < WARM && libc.arc4random; i++)
		libc.arc4random();
	MARK();
	pthread_create(&thread, NULL, draw_in_thread, NULL);
	pthread_join(thread, NULL);
	if (!fork()) {
		draw_twice();
		_exit(0);
	}
	wait(NULL);
	_exit(0);
}

/*
 * Follow a program, its thread and its child; counts[i] is what the one that made mark i did before mark i + 1.
 * False: can't be traced.
 */
static bool count(pid_t child, unsigned int counts[MARKS])
{
	unsigned int mark = 0;
	int status;
	pid_t who, marker = 0;

	waitpid(child, &status, 0);
	if (ptrace(PTRACE_SETOPTIONS, child, NULL,
		   (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL)))
		return false;
	ptrace(PTRACE_SYSCALL, child, NULL, NULL);
	while ((who = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info info;

			memset(&info, 0, sizeof(info));
			if (syscall(SYS_ptrace, PTRACE_GET_SYSCALL_INFO, who, sizeof(info), &info) > 0 && info.op == 1) {
				if (info.entry.nr == SYS_getppid) {
					mark++;
					marker = who;
				} else if (who == marker && mark < MARKS) {
					counts[mark - 1]++;
				}
			}
		}
		ptrace(PTRACE_SYSCALL, who, NULL, NULL);
	}
	return true;
}

int main(int argc, char *argv[])
{
	char *const again[] = { argv[0], (char *)"watched", NULL };
	unsigned int counts[MARKS] = { 0 };
	pid_t child;
	int i;
	unsigned char bytes[16];
	struct timespec from, to;

	if (argc > 1)
		watched();
	case_begin("what a draw costs", 30);
	libc_needs(getrandom);
	child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		case_execv(program_invocation_name, again);
		_exit(127);
	}
	if (!count(child, counts))
		skip_all("this process can't trace its child: %s", strerror(errno));
	fact("first-draw-syscalls", "%u", counts[0]);
	fact("syscalls-per-1000-draws", "%u", counts[1]);
	if (libc.getentropy)
		fact("per-1000-getentropy", "%u", counts[2]);
	if (libc.arc4random)
		fact("per-1000-arc4random", "%u", counts[3]);
	fact("thread-first-draw-syscalls", "%u", counts[5]);
	fact("thread-second-draw-syscalls", "%u", counts[6]);
	fact("child-first-draw-syscalls", "%u", counts[8]);
	fact("child-second-draw-syscalls", "%u", counts[9]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < 100000; i++)
		draw(bytes, sizeof(bytes));
	clock_gettime(CLOCK_MONOTONIC, &to);
	fact("ns-per-draw", "%.0f", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / 1e5);
	check(true, "draws were counted");
	return case_end();
}
