/* SPDX-License-Identifier: MIT */
/*
 * In a chroot without /dev and /proc, every function draws: in the process that entered it, in new threads, in
 * children.
 *
 * Source: getrandom(2), NOTES: unlike /dev/urandom it needs no file name; arc4random(3)
 * Kind: promise
 */
#include "sandbox.h"

#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

static struct draws *draws;

static void *body(void *who)
{
	expect(sandbox_draws(draws, (uintptr_t)who), "draws of %u", (unsigned int)(uintptr_t)who);
	return NULL;
}

static int inside(bool drawn_before)
{
	pthread_t thread;
	pid_t child;

	if (drawn_before)
		body((void *)1);
	if (geteuid() && unshare(CLONE_NEWUSER))
		return 77;
	mkdir("empty", 0755);
	if (chroot("empty") || chdir("/"))
		return 77;
	body((void *)2);
	pthread_create(&thread, NULL, body, (void *)3);
	pthread_join(thread, NULL);
	child = fork();
	body((void *)(uintptr_t)(child ? 4 : 5));
	if (!child)
		_exit(0);
	wait_ok(child, "the child in the chroot");
	return 0;
}

int main(void)
{
	unsigned int i, tried = 0;
	int status;
	pid_t child;

	case_begin("draws in an empty chroot", 20);
	libc_needs(getrandom);
	draws = draws_new(8192);
	for (i = 0; i < 2; i++) {
		child = fork();
		if (!child)
			_exit(inside(i));
		waitpid(child, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			continue;
		tried++;
		check(status == 0, "a process that has %s before: wait status %#x", i ? "drawn" : "not drawn", status);
	}
	if (!tried)
		skip_all("this process may not chroot");
	outputs_distinct(draws, "in the chroot");
	return case_end();
}
