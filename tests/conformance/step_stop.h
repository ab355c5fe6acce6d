/* SPDX-License-Identifier: MIT */
/*
 * How a traced thread is brought to its next stop: by the processor's breakpoints and single steps where there are
 * some and this file knows how, else by trap instructions in the text, of which each process has its own copy.
 */
#ifndef CONFORM_STEP_STOP_H
#define CONFORM_STEP_STOP_H

#include "tap.h"
#include "step_decode.h"

#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

struct step_position {		/* the head of the kernel's struct ptrace_syscall_info */
	uint8_t op, pad[3];
	uint32_t arch;
	uint64_t instruction, stack;
};
#define STEP_GET_POSITION 0x420e	/* PTRACE_GET_SYSCALL_INFO, Linux 5.3; not in older headers */

/* The address of the next instruction of a stopped thread, 0 when the kernel does not tell. */
static uint64_t step_pc(pid_t thread)
{
	struct step_position position = { 0 };

	ptrace(STEP_GET_POSITION, thread, (void *)sizeof(position), &position);
	return position.instruction;
}

/* Let the thread go on until it stops again. False when it is ending: nobody may wait for a process twice. */
static bool step_resume(int request, pid_t thread)
{
	int status;

	if (ptrace(request, thread, NULL, NULL))
		return false;
	while (waitpid(thread, &status, __WALL) == -1)
		if (errno != EINTR)
			return false;
	return WIFSTOPPED(status) && !(status >> 16);
}

/*
 * step_breakpoint(): stop the thread before it executes the instruction at pc; 0 takes that back. False where that
 * can't be done.
 * step_once(): one instruction. step_to_breakpoint(): to the breakpoint at pc, or to the next time when the thread
 * stands there.
 */
#ifdef STEP_TRAP

#define STEP_PLACES	4	/* where a thread can be next */

static step_code step_text(pid_t thread, uint64_t pc)
{
	long word = ptrace(PTRACE_PEEKTEXT, thread, (void *)(pc & ~UINT64_C(7)), NULL);
	step_code instruction;

	memcpy(&instruction, (char *)&word + pc % 8, sizeof(instruction));
	return instruction;
}

static bool step_set_text(pid_t thread, uint64_t pc, step_code instruction)
{
	void *at = (void *)(pc & ~UINT64_C(7));
	long word = ptrace(PTRACE_PEEKTEXT, thread, at, NULL);

	memcpy((char *)&word + pc % 8, &instruction, sizeof(instruction));
	return !ptrace(PTRACE_POKETEXT, thread, at, (void *)word);
}

static bool step_breakpoint(pid_t thread, uint64_t pc)
{
	static uint64_t set;
	static step_code replaced;

	if (set)
		step_set_text(thread, set, replaced);
	set = pc;
	replaced = pc ? step_text(thread, pc) : 0;
	return !pc || step_set_text(thread, pc, STEP_TRAP);
}

#elif defined(__x86_64__)
static bool step_breakpoint(pid_t thread, uint64_t pc)
{
	const size_t address = offsetof(struct user, u_debugreg[0]), control = offsetof(struct user, u_debugreg[7]);

	if (ptrace(PTRACE_POKEUSER, thread, (void *)control, NULL))
		return false;
	return !pc || (!ptrace(PTRACE_POKEUSER, thread, (void *)address, (void *)pc) &&
		       !ptrace(PTRACE_POKEUSER, thread, (void *)control, (void *)1));
}
#else	/* single steps do the same, slowly */
static bool step_breakpoint(pid_t thread, uint64_t pc)
{
	(void)thread;
	(void)pc;
	return false;
}
#endif

#ifdef STEP_PAIRS

#define STEP_SEQUENCE	32	/* instructions from one exclusive access to the other, at most */

static uint32_t step_instruction(pid_t thread, uint64_t pc)
{
	uint32_t instruction = step_text(thread, pc);

	return sizeof(step_code) == 2 && step_length(instruction) == 4 ? instruction | (uint32_t)step_text(thread, pc + 2) << 16
								       : instruction;
}

/*
 * Where a sequence that begins at pc with an exclusive load can be left. A stop between load and store makes the
 * store fail, so single steps would go round for ever: whatever happens in there happens before it. 0: it is none.
 */
static int step_exits(pid_t thread, uint64_t pc, uint64_t exits[STEP_PLACES])
{
	uint32_t instruction = step_instruction(thread, pc);
	uint64_t at = pc + step_length(instruction);
	int count = 0;

	if (!step_opens(instruction))
		return 0;
	for (int length = 1; length < STEP_SEQUENCE && count < STEP_PLACES; length++) {
		uint64_t target;

		instruction = step_instruction(thread, at);
		target = step_branch(instruction, at);
		at += step_length(instruction);
		if (step_closes(instruction)) {
			exits[count++] = at;
			return count;
		}
		if (target && (target <= pc || target >= at))
			exits[count++] = target;
	}
	return 0;
}

/* Where the thread is after an instruction, or a sequence. 0: single steps are for the processor. */
static int step_places(pid_t thread, uint64_t pc, uint64_t places[STEP_PLACES])
{
	int count = step_exits(thread, pc, places);

#ifdef STEP_JUMPS
	if (!count) {
		uint32_t instruction = step_instruction(thread, pc);
		uint64_t jump = step_jump(thread, instruction, pc), branch = step_branch(instruction, pc);

		places[count++] = jump ? jump : pc + step_length(instruction);
		if (branch)
			places[count++] = branch;
	}
#endif
	return count;
}

static bool step_once(pid_t thread)
{
	uint64_t places[STEP_PLACES];
	step_code replaced[STEP_PLACES];
	int count = step_places(thread, step_pc(thread), places);
	bool stopped;

	if (!count)
		return step_resume(PTRACE_SINGLESTEP, thread);
	for (int i = 0; i < count; i++) {
		replaced[i] = step_text(thread, places[i]);
		step_set_text(thread, places[i], STEP_TRAP);
	}
	stopped = step_resume(PTRACE_CONT, thread);
	while (count--)		/* backwards: two may be the same */
		step_set_text(thread, places[count], replaced[count]);
	return stopped;
}

#else

static bool step_once(pid_t thread)
{
	return step_resume(PTRACE_SINGLESTEP, thread);
}

#endif

#ifdef STEP_TRAP

/* Run to the trap at pc, and stand before it. */
static bool step_run_to(pid_t thread, uint64_t pc)
{
	bool stopped = step_resume(PTRACE_CONT, thread);

#ifdef __s390x__
	if (stopped && step_pc(thread) == pc + sizeof(step_code))
		return !ptrace(PTRACE_POKEUSER, thread, (void *)8, (void *)pc);	/* PT_PSWADDR */
#endif
	(void)pc;
	return stopped;
}

static bool step_to_breakpoint(pid_t thread, uint64_t pc)
{
	if (step_pc(thread) == pc) {
		step_breakpoint(thread, 0);
		if (!step_once(thread))
			return false;
		if (step_pc(thread) == pc)
			return true;	/* a branch to itself, or a sequence that begins again */
		step_breakpoint(thread, pc);
	}
	return step_run_to(thread, pc);
}

#else

static bool step_to_breakpoint(pid_t thread, uint64_t pc)
{
	(void)pc;
	return step_resume(PTRACE_CONT, thread);
}

#endif

#endif
