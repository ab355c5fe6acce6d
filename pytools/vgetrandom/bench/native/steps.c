/* SPDX-License-Identifier: MIT */
/*
 * Instructions a draw, counted by single-stepping a child: exact and repeatable on the noisiest machine, also where
 * perf events do not exist. A system call counts as one.
 */
#include "measures.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "references.h"

static void child_draws(const struct function *function, size_t size, long count)
{
	static char buf[65536];

	function->draw(buf, size, 1);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	kill(getpid(), SIGSTOP);
	function->draw(buf, size, count);
	kill(getpid(), SIGSTOP);
	_exit(0);
}

/* Steps from the first stop to the second; -1 when this process may not trace, or the child ended. */
static long steps(const struct function *function, size_t size, long count)
{
	pid_t child = fork();
	long total = 0;
	int status;

	if (!child)
		child_draws(function, size, count);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return -1;
	/* The child must not outlive this process, stopped as it is. */
	if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_EXITKILL))
		total = -1;
	while (total >= 0) {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) || waitpid(child, &status, 0) != child ||
		    !WIFSTOPPED(status)) {
			total = -1;
			break;
		}
		if (WSTOPSIG(status) != SIGTRAP)
			break;
		total++;
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return total;
}

/*
 * Prints the instructions of `number` draws, and of as many calls of an empty function, each less what the stops
 * around them cost; -1 when this process may not trace another.
 */
void measure_steps(const struct request *request)
{
	static const struct function nothing = {"=nothing", draw_nothing, ANY_SIZE};
	const struct function *function = request->function;
	size_t size = request->size;
	long count = request->number;
	long before = steps(function, size, 1), empty_before = steps(&nothing, size, 1);
	long after = steps(function, size, 1 + count), empty_after = steps(&nothing, size, 1 + count);

	if (before < 0 || after < 0 || empty_before < 0 || empty_after < 0)
		printf("-1 -1\n");
	else
		printf("%ld %ld\n", after - before, empty_after - empty_before);
}
