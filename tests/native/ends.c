/* SPDX-License-Identifier: MIT */
/*
 * Draws three times, 16 bytes each, and ends as its argument says: what the exit report then tells.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void draw(int times)
{
	char bytes[16];

	while (times--)
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			abort();
}

static void *draw_in_thread(void *times)
{
	draw(*(int *)times);
	return NULL;
}

static void with_threads(int times)
{
	pthread_t thread;

	for (int i = 0; i < 5; i++) {
		pthread_create(&thread, NULL, draw_in_thread, &times);
		pthread_join(thread, NULL);
	}
}

/* Three generations, each of which draws more; each parent waits. */
static void with_children(int generation)
{
	pid_t child = generation < 3 ? fork() : -1;

	if (child == 0) {
		draw(generation * 10);
		with_children(generation + 1);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

static void with_vfork(void)
{
	pid_t child = vfork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	draw(1);
}

/* A forked child whose own vfork child ends when it has drawn once. */
static void with_vfork_in_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		draw(1);
		with_vfork();
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void *exit_here(void *unused)
{
	(void)unused;
	draw(2);
	exit(0);
}

static void in_a_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_here, NULL);
	pthread_join(thread, NULL);
}

static void without_descriptors(void)
{
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	if (open("/dev/null", O_RDWR) != 0)
		abort();
}

static void last_draw(void)
{
	draw(1);
}

int main(int argc, char *argv[])
{
	const char *how = argc > 1 ? argv[1] : "return";

	draw(3);
	if (!strcmp(how, "exit"))
		exit(7);
	else if (!strcmp(how, "_exit"))
		_exit(7);
	else if (!strcmp(how, "_Exit"))
		_Exit(7);
	else if (!strcmp(how, "quick_exit"))
		quick_exit(7);
	else if (!strcmp(how, "raw"))
		syscall(SYS_exit_group, 7);
	else if (!strcmp(how, "kill"))
		raise(SIGKILL);
	else if (!strcmp(how, "abort"))
		abort();
	else if (!strcmp(how, "exec"))
		execv(argv[0], (char *[]){ argv[0], (char *)"_exit", NULL });
	else if (!strcmp(how, "thread"))
		in_a_thread();
	else if (!strcmp(how, "threads"))
		with_threads(2);
	else if (!strcmp(how, "once"))
		with_threads(1);
	else if (!strcmp(how, "children"))
		with_children(1);
	else if (!strcmp(how, "vfork"))
		with_vfork();
	else if (!strcmp(how, "vfork-in-child"))
		with_vfork_in_child();
	else if (!strcmp(how, "atexit"))
		atexit(last_draw);
	else if (!strcmp(how, "closed"))
		without_descriptors();
	else if (!strcmp(how, "clearenv"))
		clearenv();
	else if (!strcmp(how, "chdir"))
		return chdir("/");
	else if (!strcmp(how, "errno")) {
		errno = 77;
		draw(1);
		return errno;
	}
	return 0;
}
