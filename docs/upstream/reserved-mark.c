/* SPDX-License-Identifier: MIT */
/*
 * A thread that ends inside getrandom() leaves its state in glibc's list with the mark "in use" still on it.
 * How many new threads then need a system call for a warm draw?
 *
 * Build: cc -O2 -pthread reserved-mark.c -o reserved-mark; needs Linux 6.11 and glibc 2.41 or newer.
 * "cancel" as argument: end the threads by asynchronous cancellation, not by pthread_exit() in a handler.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS	60
#define LARGE	65536

static volatile int drawing;
static int by_cancel;

static void leave(int signal)
{
	pthread_exit((void *)(long)signal);
}

static void *draw_until_ended(void *bytes)
{
	if (by_cancel)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (drawing = 1;;)
		getrandom(bytes, LARGE, 0);
	return NULL;
}

/* From here on the system call fails in this thread, and a draw from the vDSO still works. */
static void refuse_system_call(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ 4, code }))
		exit((perror("seccomp"), 2));
}

static void *newcomer(void *slow)
{
	char bytes[16];

	for (int i = 0; i < 4; i++)
		getrandom(bytes, sizeof(bytes), 0);
	refuse_system_call();
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		++*(int *)slow;
	return NULL;
}

static int slow_newcomers(void)
{
	pthread_t thread;
	int slow = 0;

	for (int i = 0; i < THREADS; i++) {
		pthread_create(&thread, NULL, newcomer, &slow);
		pthread_join(thread, NULL);
	}
	return slow;
}

int main(int argc, char **argv)
{
	static char bytes[LARGE];
	pthread_t thread;

	by_cancel = argc > 1 && argv[1];
	signal(SIGUSR1, leave);
	printf("before: %d of %d new threads need the system call\n", slow_newcomers(), THREADS);
	for (int i = 0; i < THREADS; i++) {
		drawing = 0;
		pthread_create(&thread, NULL, draw_until_ended, bytes);
		while (!drawing || usleep(500))
			usleep(100);
		by_cancel ? pthread_cancel(thread) : pthread_kill(thread, SIGUSR1);
		pthread_join(thread, NULL);
	}
	printf("after:  %d of %d\n", slow_newcomers(), THREADS);
	return 0;
}
