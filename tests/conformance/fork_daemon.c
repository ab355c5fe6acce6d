/* SPDX-License-Identifier: MIT */
/*
 * Promise: a daemon, made by fork, setsid and fork again, whose first draw comes when its parent and grandparent
 * are gone or draw themselves, has bytes of its own; and so has a child that draws while its parent is killed.
 * Source: daemon(3), fork(2), getrandom(2).
 * Kind: promise
 */
#include "family.h"

/* Each process has the pipe open for writing: when it can be read to its end, all have ended. */
static void daemon_life(pid_t parent, int gate)
{
	family_child();
	while (getppid() == parent)
		usleep(100);
	family_draw(1, FAMILY_BATCH);
	family_thread_draws(2);
	close(gate);
	_exit(0);
}

static void double_fork(int gate, bool middle_draws)
{
	pid_t child = fork(), middle;

	if (child == 0) {
		family_child();
		setsid();
		middle = getpid();
		if (middle_draws)
			family_draw(3, 2);
		if (fork() == 0)
			daemon_life(middle, gate);
		if (middle_draws)
			family_draw(4, 2);
		_exit(0);
	}
	family_draw(5, 2);
	wait_ok(child, "the process in the middle");
}

/* A child that draws without end, and for a while after its parent is killed in the middle of drawing. */
static void orphan(int gate)
{
	pid_t parent, itself;
	unsigned char bytes[16] = { 0 };
	int ready[2];

	if (!expect(!pipe(ready), "a pipe"))
		return;
	parent = fork();
	if (parent == 0) {
		family_child();
		itself = getpid();
		family_draw(6, 2);
		if (fork() == 0) {
			family_child();
			while (getppid() == itself)
				family_draw(7, 1);
			family_draw(8, FAMILY_BATCH);
			close(gate);
			_exit(0);
		}
		(void)!write(ready[1], bytes, 1);
		for (;;)	/* not recorded: it is killed, perhaps while it would be */
			draw(bytes, sizeof(bytes));
	}
	close(ready[1]);
	(void)!read(ready[0], bytes, 1);	/* what it records is recorded whole */
	close(ready[0]);
	usleep(2000);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	family_draw(5, 2);
}

int main(void)
{
	int rounds = (int)scaled(30, 300), gate[2];
	char c;

	family_begin("daemons, and children that outlive their parents, draw bytes of their own", 40000000);
	if (pipe(gate))
		skip_all("no pipe: errno %d", errno);
	for (int round = 0; round < rounds; round++) {
		double_fork(gate[1], round % 2);
		if (round % 3 == 0)
			orphan(gate[1]);
	}
	close(gate[1]);
	check(read(gate[0], &c, 1) == 0, "all of them end");
	outputs_distinct(family, "daemons and orphans");
	return case_end();
}
