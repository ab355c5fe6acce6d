/* SPDX-License-Identifier: MIT */
/*
 * A program that draws in every stage of a life, for somebody who looks at its system calls from outside. It tells where
 * it is by a write to no file, which the kernel refuses: "@" and the stage's name.
 */
#include "measures.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd.h"
#include "arch/arch.h"

#define MOST_SIZE 4096
#define OTHERS 10	/* threads of the process that forks */

static void stage(const char *name)
{
	raw_syscall(SYS_write, -1, (long)name, (long)strlen(name), 0, 0, 0);
}

static void draw_in_stages(const struct request *request, const char *const *names)
{
	char buf[MOST_SIZE];

	for (; *names; names++) {
		stage(*names);
		request->function->draw(buf, request->size, 1);
	}
}

static void *live(void *arg)
{
	static const char *const names[] = {"@thread-first", "@thread-second", "@thread-third", NULL};

	draw_in_stages(arg, names);
	stage("@thread-end");
	return NULL;
}

static void *live_idly(void *arg)
{
	stage("@idle-end");
	return arg;
}

static void in_a_thread(void *(*run)(void *), const struct request *request)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, (void *)request))
		give_up("can't create a thread");
	stage("@");
	pthread_join(thread, NULL);
}

static void draw_thrice(void *arg, long member)
{
	const struct request *request = arg;
	char buf[MOST_SIZE];

	(void)member;
	request->function->draw(buf, request->size, 3);
}

/* A child is in the stage "fork" from its first instruction on, as its parent then is. */
static void in_a_child(const struct request *request)
{
	static const char *const names[] = {"@child-first", "@child-second", NULL};
	pid_t child;

	stage("@fork");
	child = fork();
	if (!child) {
		draw_in_stages(request, names);
		stage("@");
		_exit(0);
	}
	stage("@");
	if (child < 0 || waitpid(child, NULL, 0) != child)
		give_up("can't fork");
}

/* Prints nothing; see above. */
void measure_calls(const struct request *request)
{
	static const char *const names[] = {"@program-first", "@program-second", "@program-third", NULL};
	struct crowd *others;

	if (request->size > MOST_SIZE)
		give_up("out of memory");
	draw_in_stages(request, names);
	stage("@");
	in_a_thread(live, request);
	in_a_thread(live_idly, request);
	others = crowd_gather(OTHERS, draw_thrice, (void *)request);
	if (!others)
		give_up("can't create a thread");
	crowd_do(others);
	in_a_child(request);
	_exit(0);	/* before the end of the others, which is nobody's stage */
}
