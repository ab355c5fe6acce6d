/* SPDX-License-Identifier: MIT */
/* A program that is reported on, in the situations in which a line could stop, kill or change it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void reuse(int fd)
{
	int data;

	close(fd);
	data = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (data != fd && (dup2(data, fd) != fd || close(data)))
		abort();
	if (write(fd, "DATA", 4) != 4)
		abort();
}

/* A child that has not drawn, as a shell's, whose own vfork child can't execute what it should. */
static int vfork_in_child(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		pid_t grandchild = vfork();

		if (grandchild == 0) {
			execl("/nonexistent", "x", (char *)NULL);
			_exit(127);
		}
		waitpid(grandchild, &status, 0);
		_exit(WEXITSTATUS(status) == 127 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

/* A child that libc does not know of. */
static int raw_fork(void)
{
	long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	int status;

	if (child == 0)
		_exit(0);
	waitpid((pid_t)child, &status, 0);
	return WEXITSTATUS(status);
}

static void *leave(void *unused)
{
	(void)unused;
	_exit(7);
}

static int in_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, leave, NULL);
	pthread_join(thread, NULL);
	return 1;
}

int main(int argc, char **argv)
{
	const char *how = argv[1];
	struct rlimit none = { 0, 0 };
	int fd = argc > 2 ? atoi(argv[2]) : -1;

	if (!strcmp(how, "reuse"))
		reuse(fd);
	else if (!strcmp(how, "no-file-size") && setrlimit(RLIMIT_FSIZE, &none))
		abort();
	else if (!strcmp(how, "name")) {
		char name[16];

		if (prctl(PR_SET_NAME, "renamed") || prctl(PR_GET_NAME, name) || strcmp(name, "renamed"))
			abort();
		errno = 0;
		return prctl(-1) == -1 && errno == EINVAL ? 7 : 1;
	} else if (!strcmp(how, "leave")) {
		errno = 77;
		_exit(7);
	}
	else if (!strcmp(how, "vfork-in-child"))
		return vfork_in_child();
	else if (!strcmp(how, "raw-fork"))
		return raw_fork();
	else if (!strcmp(how, "thread"))
		return in_thread();
	return 7;
}
