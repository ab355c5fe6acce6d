/* SPDX-License-Identifier: MIT */
/*
 * In new user, pid and time namespaces draws are as good as anywhere; children that have the same pid and thread
 * ID in namespaces of their own, one inside another, never share bytes.
 *
 * Source: pid_namespaces(7): the first process is pid 1 in each; time_namespaces(7): the vDSO's data changes with it;
 *	user_namespaces(7)
 * Kind: promise
 */
#include "sandbox.h"

#include <pthread.h>
#include <sched.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x80
#endif
#define DEPTH	5

static struct draws *draws;

static void *body(void *who)
{
	expect(sandbox_draws(draws, (uintptr_t)who), "draws of %#x", (unsigned int)(uintptr_t)who);
	return NULL;
}

static void draw_all(uint64_t who)
{
	pthread_t thread;

	body((void *)(uintptr_t)who);
	if (!expect(!pthread_create(&thread, NULL, body, (void *)(uintptr_t)(who | 0x100)), "a thread in namespace %#x",
		    (unsigned int)who))
		return;
	pthread_join(thread, NULL);
	body((void *)(uintptr_t)who);
}

/* Each level's process is pid 1 of its namespace; it draws, so that its children inherit what it has. */
static int nested(int flags, unsigned int depth, uint64_t who)
{
	unsigned int i;
	int status;
	pid_t child;

	draw_all(who);
	if (depth == 0)
		return 0;
	for (i = 0; i < 2; i++) {
		if (unshare(flags))
			return 77;
		child = fork();
		if (!child)
			_exit(nested(flags, depth - 1, who << 2 | (i + 1) << 12));
		if (child < 0)
			return 77;
		waitpid(child, &status, 0);
		body((void *)(uintptr_t)(who | 0x200));	/* it can make no thread: those would be in two namespaces */
		if (status)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		if (flags & CLONE_NEWPID)	/* a second unshare of pids in one process is refused */
			break;
	}
	return 0;
}

/* Two siblings, each pid 1 of a namespace of its own, children of one process that has drawn. */
static int siblings(void)
{
	unsigned int i;
	int status, bad = 0;
	pid_t child;

	draw_all(7);
	for (i = 0; i < 4; i++) {
		child = raw_clone(CLONE_NEWPID | SIGCHLD);
		if (!child) {
			draw_all(0x10 + i);
			_exit(getpid() == 1 ? 0 : 1);
		}
		if (child < 0)
			return 77;
		waitpid(child, &status, 0);
		bad |= status;
	}
	return bad ? 1 : 0;
}

int main(void)
{
	static const struct { const char *name; int flags; } kinds[] = {
		{ "user", CLONE_NEWUSER }, { "pid", CLONE_NEWPID }, { "time", CLONE_NEWTIME },
		{ "user and pid", CLONE_NEWUSER | CLONE_NEWPID }, { "siblings", 0 },
	};
	unsigned int i, tried = 0;
	int status;
	pid_t child;

	case_begin("draws in namespaces", 60);
	libc_needs(getrandom);
	draws = draws_new(UINT64_C(1) << 20);
	draw_all(1);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		child = fork();
		if (!child)
			_exit(kinds[i].flags ? nested(kinds[i].flags, DEPTH, 1 << 10) : siblings());
		waitpid(child, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
			note("%s: such a namespace may not be made here", kinds[i].name);
			continue;
		}
		tried++;
		check(status == 0, "%s: wait status %#x", kinds[i].name, status);
	}
	if (!tried)
		skip_all("this process may make no namespace");
	outputs_distinct(draws, "in namespaces");
	return case_end();
}
