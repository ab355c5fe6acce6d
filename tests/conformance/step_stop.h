/* SPDX-License-Identifier: MIT */
/*
 * How a traced thread is brought to its next stop: what of stepping depends on the architecture. A hardware
 * breakpoint where this file knows how, else a trap instruction in the text, which in each process is its own copy.
 */
#ifndef CONFORM_STEP_STOP_H
#define CONFORM_STEP_STOP_H

#include "tap.h"

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
 * step_breakpoint(): stop the thread before it executes the instruction at pc; 0 takes that back. False where that can't be done.
 * step_once(): one instruction. step_to_breakpoint(): to the breakpoint at pc, or to the next time when the thread stands there.
 */
#if defined(__aarch64__)
typedef uint32_t step_code;
#define STEP_TRAP	0xd4200000u	/* brk #0 (Arm ARM, C6.2) */
#define STEP_PAIRS
#elif defined(__powerpc64__)
typedef uint32_t step_code;
#define STEP_TRAP	0x7fe00008u	/* trap (Power ISA, 3.3.11) */
#define STEP_PAIRS
#elif defined(__s390x__)
typedef uint16_t step_code;
#define STEP_TRAP	0x0001		/* S390_BREAKPOINT_U16 in the kernel's asm/ptrace.h; the PSW stops behind it */
#endif

#ifdef STEP_TRAP

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

#define STEP_EXITS	4	/* places where a sequence of exclusive accesses can be left */
#define STEP_SEQUENCE	32	/* its length in instructions, at most */

/* Whether the instruction opens a pair of exclusive accesses, or closes it; or where it may branch to (0: nowhere). */
#ifdef __aarch64__
static bool step_opens(uint32_t instruction)
{
	return (instruction & 0x3fc00000) == 0x08400000;	/* LDXR, LDAXR, LDXP, ... */
}

static bool step_closes(uint32_t instruction)
{
	return (instruction & 0x3fc00000) == 0x08000000;	/* STXR, STLXR, STXP, ... */
}

static uint64_t step_branch(uint32_t instruction, uint64_t pc)
{
	bool conditional = (instruction & 0xff000010) == 0x54000000 || (instruction & 0x7e000000) == 0x34000000;

	return conditional ? pc + (uint64_t)(int64_t)((int32_t)(instruction << 8) >> 13) * 4 : 0;	/* B.cond, CBZ, CBNZ */
}
#else
static bool step_opens(uint32_t instruction)
{
	uint32_t form = instruction & 0xfc0007fe;

	return form == 0x7c000028 || form == 0x7c0000a8 || form == 0x7c000068 || form == 0x7c0000e8; /* l[wdbh]arx */
}

static bool step_closes(uint32_t instruction)
{
	uint32_t form = instruction & 0xfc0007ff;

	return form == 0x7c00012d || form == 0x7c0001ad || form == 0x7c00056d || form == 0x7c0005ad; /* st[wdbh]cx. */
}

static uint64_t step_branch(uint32_t instruction, uint64_t pc)
{
	return (instruction & 0xfc000003) == 0x40000000 ? pc + (uint64_t)(int64_t)(int16_t)(instruction & 0xfffc) : 0; /* bc */
}
#endif

/*
 * Where a sequence that begins at pc with an exclusive load can be left. A stop between load and store makes the
 * store fail, so single steps would go round for ever: whatever happens in there happens before it. 0: it is none.
 */
static int step_exits(pid_t thread, uint64_t pc, uint64_t exits[STEP_EXITS])
{
	uint32_t instruction = step_text(thread, pc);
	int count = 0;

	if (!step_opens(instruction))
		return 0;
	for (uint64_t at = pc + 4; at < pc + 4 * STEP_SEQUENCE && count < STEP_EXITS; at += 4) {
		uint64_t target;

		instruction = step_text(thread, at);
		target = step_branch(instruction, at);
		if (step_closes(instruction)) {
			exits[count++] = at + 4;
			return count;
		}
		if (target && (target <= pc || target > at))
			exits[count++] = target;
	}
	return 0;
}

static bool step_once(pid_t thread)
{
	uint64_t exits[STEP_EXITS];
	uint32_t replaced[STEP_EXITS];
	int count = step_exits(thread, step_pc(thread), exits);
	bool stopped;

	if (!count)
		return step_resume(PTRACE_SINGLESTEP, thread);
	for (int i = 0; i < count; i++) {
		replaced[i] = step_text(thread, exits[i]);
		step_set_text(thread, exits[i], STEP_TRAP);
	}
	stopped = step_resume(PTRACE_CONT, thread);
	while (count--)		/* backwards: two may be the same */
		step_set_text(thread, exits[count], replaced[count]);
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
