/* SPDX-License-Identifier: MIT */
/*
 * The tracer's side of stepping (ptrace): follow a thread through a piece of its code once by single steps, then
 * take other threads straight to any instruction of it.
 */
#ifndef CONFORM_STEP_TRACE_H
#define CONFORM_STEP_TRACE_H

#include "tap.h"
#include "step_stop.h"

#define STEP_MAX	16384	/* instructions of the longest draw */

struct step_trace {
	uint32_t first, count;	/* in pc[]: the boundaries, numbered from 1 */
	uint64_t pc[STEP_MAX];	/* from the thread's first stop on: where it stood after each step */
};

/* Wait for the first stop of a thread of a new child. Returns its tid, 0 when it won't be traced. */
static pid_t step_first_stop(void)
{
	int status;
	pid_t thread;

	do
		thread = waitpid(-1, &status, __WALL);
	while (thread == -1 && errno == EINTR);
	if (thread <= 0 || !WIFSTOPPED(status))
		return 0;
	ptrace(PTRACE_SETOPTIONS, thread, NULL, (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACEEXIT));
	return thread;
}

/* Fill in the trace, as long as *inside is set, or until the thread ends. Returns why that can't be done, or NULL. */
static const char *step_follow(struct step_trace *trace, pid_t thread, const int *inside, bool ends)
{
	trace->count = 0;
	for (uint32_t used = 0; used < STEP_MAX; used++) {
		if (!step_once(thread))
			return ends && trace->count ? NULL : "this machine has no single steps (ptrace)";
		trace->pc[used] = step_pc(thread);
		if (!trace->pc[used])
			return "this kernel does not tell the position of a traced thread (Linux 5.3 does)";
		if (!__atomic_load_n(inside, __ATOMIC_SEQ_CST)) {
			if (trace->count)
				return NULL;
		} else if (!trace->count++) {
			trace->first = used;
		}
	}
	return "the draw is too long to step through";
}

/*
 * Take the thread to a boundary, with a breakpoint if fast. False when it has come to the end of the draw without
 * passing there.
 */
static bool step_reach(const struct step_trace *trace, pid_t thread, uint32_t boundary, bool fast, const int *inside)
{
	uint32_t target = trace->first + boundary - 1, hits = 0;
	bool there = true;

	if (fast && step_breakpoint(thread, trace->pc[target])) {
		for (uint32_t i = 0; i <= target; i++)
			hits += trace->pc[i] == trace->pc[target];
		while (there && hits--)
			there = step_to_breakpoint(thread, trace->pc[target]);
		step_breakpoint(thread, 0);
	} else {
		for (uint32_t i = 0; there && i <= target; i++)
			there = step_once(thread);
	}
	return there && __atomic_load_n(inside, __ATOMIC_SEQ_CST) && step_pc(thread) == trace->pc[target];
}

#endif
