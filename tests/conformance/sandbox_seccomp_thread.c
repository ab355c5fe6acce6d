/* SPDX-License-Identifier: MIT */
/*
 * Under a filter that answers EPERM or ENOSYS to any one system call other than getrandom, threads and forked
 * children that draw for the first time succeed. Which calls must not be answered by a kill is reported as a fact.
 *
 * Source: seccomp(2); getrandom(2), ERRORS: nothing there comes from other calls
 * Kind: quality
 */
#include "sandbox.h"

#include <pthread.h>

static struct draws *draws;
static int refused, how;
static uint32_t drawing, good;

/* The thread installs the filter on itself: creating it needed calls that the filter refuses. */
static void *body(void *unused)
{
	(void)unused;
	if (refuse(refused, how)) {
		__atomic_store_n(&drawing, 1, __ATOMIC_SEQ_CST);
		good = sandbox_draws(draws, 1);
	}
	syscall(SYS_exit_group, !drawing ? 77 : good ? 0 : 1);
	return NULL;
}

static void thread_stage(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, body, NULL);
	for (;;)
		pause();
}

static void child_stage(void)
{
	pid_t child;
	int status;

	sandbox_draws(draws, 2);
	child = fork();
	if (!child) {
		watchdog(LIFE_SECONDS);
		if (!refuse(refused, how))
			_exit(77);
		_exit(sandbox_draws(draws, 3) ? 0 : 1);
	}
	waitpid(child, &status, 0);
	_exit(status == 0 ? 0 : 1);
}

int main(int argc, char *argv[])
{
	static const char *const stages[] = { "thread", "child" };
	unsigned int call, action, stage;
	char needed[512];
	int status;

	libc_find();
	if (argc == 4) {
		draws = life_draws();
		refused = refusable[atoi(argv[2])].number;
		how = atoi(argv[3]);
		if (!strcmp(argv[1], "thread"))
			thread_stage();
		child_stage();
	}
	case_begin("threads and children begin to draw under a filter", 60);
	libc_needs(getrandom);
	needs_filters();
	draws = life_draws();
	if (!draws)
		skip_all("no memory file");
	for (stage = 0; stage < 2; stage++) {
		needed[0] = '\0';
		for (action = 0; action < ACTIONS; action++) {
			for (call = 0; call < REFUSABLE; call++) {
				status = sandbox_stage(stages[stage], call, action);
				if (action != KILL)
					expect(status == 0, "%s: %s answered by %s: wait status %#x", stages[stage], refusable[call].name,
					       action_names[action], status);
				else if (status)
					snprintf(needed + strlen(needed), sizeof(needed) - strlen(needed), "%s%s", needed[0] ? "+" : "",
						 refusable[call].name);
			}
		}
		tap_line("# fact: ", "draws-of-%s-die-without=%s", stages[stage], needed[0] ? needed : "nothing");
	}
	check(!tap->failures, "%zu system calls answered by EPERM or ENOSYS", REFUSABLE);
	outputs_distinct(draws, "first draws in sandboxes");
	return case_end();
}
