/* SPDX-License-Identifier: MIT */
/*
 * Promise: a signal handler may fork whenever it interrupts a thread that draws. The child starts a thread that draws
 * before the surviving one goes on, and all of them draw different bytes.
 * Source: fork(2) is async-signal-safe in POSIX before 2024, _Fork since. The cases step_fork_* do this at every
 * instruction; this one does it at speed, to a process that is not traced.
 * Kind: promise
 */
#include "family.h"

#define MOST 4000
#define RECORDED 200	/* draws after each fork: how many there are until the next depends on the machine */

static volatile sig_atomic_t in_child, drawing, born;
static sig_atomic_t wanted;
static pid_t children[MOST];

static void handler(int signal)
{
	int saved = errno;
	pid_t child;

	(void)signal;
	if (!drawing || in_child || born == wanted)
		return;
	child = fork();
	if (child == 0) {
		in_child = 1;
		family_child();
		family_thread_draws(2);
		if (born % 2)
			family_draw(3, 2);
	} else {
		children[born++] = child;
	}
	errno = saved;
}

/* Another process that sends the signal at any moment. */
static pid_t start_knocker(void)
{
	pid_t parent = getpid(), child = fork();

	if (child == 0) {
		family_child();
		while (getppid() == parent && !kill(parent, SIGUSR1))
			usleep(200 + next_random(&case_seed) % 300);
		_exit(0);
	}
	return child;
}

int main(void)
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	unsigned char bytes[16];
	pid_t knocker;
	int waited = 0, forks = 0, since = 0;

	family_begin("a fork in a handler that interrupted a draw leaves nothing shared", 4000000);
	wanted = (sig_atomic_t)scaled(400, MOST);
	sigaction(SIGUSR1, &action, NULL);
	knocker = start_knocker();
	for (int i = 0; born < wanted && !in_child; i++) {
		drawing = 1;
		draw(bytes, sizeof(bytes));
		drawing = 0;
		if (in_child)
			break;	/* this draw the parent has, perhaps: step_fork_continue knows */
		if (forks != born) {
			forks = born;
			since = 0;
		}
		if (since++ < RECORDED)
			draws_add(family, bytes, sizeof(bytes), i);
		while (i % 1024 == 0 && waited < born)
			wait_ok(children[waited++], "the child of a handler");
	}
	if (in_child) {
		family_draw(4, FAMILY_BATCH);
		_exit(0);
	}
	kill(knocker, SIGKILL);
	waitpid(knocker, NULL, 0);
	while (waited < born)
		wait_ok(children[waited++], "the child of a handler");
	check(born == wanted, "%d draws are interrupted by a fork", (int)born);
	outputs_distinct(family, "forks by handlers");
	return case_end();
}
