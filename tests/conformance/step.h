/* SPDX-License-Identifier: MIT */
/*
 * Something happens to a process between two instructions of a draw: at every boundary, each in a run of
 * its own, with all outputs of all runs compared. A case includes this file, fills in some struct step_event
 * and calls step_begin() and step_case(). docs/conformance-stepping.md explains it, and how to read a failure.
 *
 * The stepped thread is traced by its parent, so signals that the implementation blocks change nothing. One trace by
 * single steps gives the address of each boundary of a kind of draw; each run then goes straight to its
 * boundary. There the thread is sent SIGUSR1 and let go: from then on nobody traces it.
 */
#ifndef CONFORM_STEP_H
#define CONFORM_STEP_H

#include "tap.h"
#include "step_record.h"
#include "step_run.h"
#include "step_trace.h"
#include "warm.h"

#define STEP_SHORT	500	/* up to so many boundaries, the quick profile takes them all; */
#define STEP_SAMPLES	40	/* of a longer draw all outside the vDSO, so many within, */
#define STEP_TAIL	50	/* and the last; of a large draw, in every profile, only the first round of loops */
#define STEP_ASLEEP	2000000	/* nanoseconds from one look to the next, whether all wait for the stepped thread */
#define STEP_BROKEN	3	/* runs that hang or crash, and the case comes to its end */
#define STEP_TRIES	3	/* a draw, or the trace, may take another path when the kernel reseeds: once a minute */

enum step_kind {
	STEP_PROGRAM, STEP_CHILD, STEP_CHILD_AGAIN, STEP_ORPHAN, STEP_ORPHAN_AGAIN, STEP_SURVIVOR, STEP_SURVIVOR_AGAIN,
	STEP_THREAD, STEP_THREAD_AGAIN, STEP_WARM, STEP_REFILL, STEP_RESEED, STEP_LARGE, STEP_ENDING, STEP_KINDS
};

/* before = -1: step_find_refill() tells. */
static struct step_plan {
	const char *name;
	const char *fact;	/* the name of the number of its boundaries */
	struct step_scene scene;
	const char *missing;	/* why there is no such draw here */
	struct step_trace trace;
} step_plans[STEP_KINDS] = {
	[STEP_PROGRAM] = { "first draw of a program", "first_of_program", { .before = 0 } },
	[STEP_CHILD] = { "first draw after a fork", "first_after_fork", { .before = 0 } },
	[STEP_CHILD_AGAIN] = { "second draw after a fork", "second_after_fork", { .again = 1 } },
	[STEP_ORPHAN] = { "first draw of a new thread after a fork", "first_of_orphan", { .thread = true } },
	[STEP_ORPHAN_AGAIN] = { "second draw of a new thread after a fork", "second_of_orphan", { .thread = true, .again = 1 } },
	[STEP_SURVIVOR] = { "first draw after a fork, a new thread in its own", "first_of_survivor", { .bystander = true } },
	[STEP_SURVIVOR_AGAIN] = { "second draw after a fork, a new thread in its own", "second_of_survivor",
				  { .bystander = true, .again = 1 } },
	[STEP_THREAD] = { "first draw of a thread", "first_of_thread", { .before = 3, .bystander = true, .thread = true } },
	[STEP_THREAD_AGAIN] = { "second draw of a thread", "second_of_thread",
				{ .before = 3, .bystander = true, .thread = true, .again = 1 } },
	[STEP_WARM] = { "warm draw", "warm", { .before = -1, .bystander = true } },
	[STEP_REFILL] = { "draw that refills the batch", "refill", { .before = -1, .bystander = true } },
	[STEP_RESEED] = { "draw that reseeds", "reseed", { .before = -1, .bystander = true, .drop = true } },
	[STEP_LARGE] = { "large draw", "large", { .before = -1, .bystander = true } },
	[STEP_ENDING] = { "end of a thread that has drawn", "end",	/* under events from outside only */
			  { .before = 3, .bystander = true, .thread = true, .again = 3, .ends = true } },
};

static const struct step_event *step_events;	/* of this case */
static uint64_t step_vdso[2];			/* where the vDSO begins and ends */
static int step_broken;				/* runs that hung or crashed */
static int step_droppable_after;		/* draws; 0: never */

/* ---- Which run a draw comes from ---- */

static inline uint64_t step_run_number(const struct step_event *event, enum step_kind kind, uint32_t boundary)
{
	return (uint64_t)(event - step_events) << 24 | (uint64_t)kind << 16 | boundary;
}

static unsigned int step_circumstances(uint64_t tag)
{
	return (tag >> 56) * STEP_KINDS % 512 + (tag >> 48 & 0xff);
}

/* One line of /proc/self/maps: a mapping of this process, as in all that it forked. */
struct step_mapping {
	unsigned long long from, to, offset;
	char name[256];
};

static inline bool step_mapping(FILE *maps, struct step_mapping *mapping)
{
	char line[512];
	char *base;

	if (!maps || !fgets(line, sizeof(line), maps))
		return false;
	mapping->name[0] = '\0';
	if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %255s", &mapping->from, &mapping->to, &mapping->offset,
		   mapping->name) < 3)
		return false;
	base = strrchr(mapping->name, '/');
	if (base)
		memmove(mapping->name, base + 1, strlen(base));
	return true;
}

/* "libc.so.6+0x1234" for an address. */
static inline void step_where(char name[64], uint64_t pc)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	struct step_mapping mapping;

	snprintf(name, 64, "%#llx", (unsigned long long)pc);
	while (step_mapping(maps, &mapping))
		if (pc >= mapping.from && pc < mapping.to)
			snprintf(name, 64, "%.40s+%#llx", mapping.name, pc - mapping.from + mapping.offset);
	if (maps)
		fclose(maps);
}

static inline void step_find_vdso(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	struct step_mapping mapping;

	while (step_mapping(maps, &mapping)) {
		if (!strcmp(mapping.name, "[vdso]")) {
			step_vdso[0] = mapping.from;
			step_vdso[1] = mapping.to;
		}
	}
	if (maps)
		fclose(maps);
}

static void step_describe(char text[256], uint64_t tag)
{
	const struct step_plan *plan = &step_plans[tag >> 48 & 0xff];
	unsigned int boundary = tag >> 32 & 0xffff;
	char where[64] = "only traced";

	if (tag & STEP_REFERENCE) {
		snprintf(text, 256, "the keystream of an all-zero key");
		return;
	}
	if (boundary)
		step_where(where, plan->trace.pc[plan->trace.first + boundary - 1]);
	snprintf(text, 256, "%s, %s, boundary %u of %u (%s), who %u, draw %u", step_events[tag >> 56].name, plan->name,
		 boundary, plan->trace.count, where, (unsigned int)(tag >> 24 & 0xff), (unsigned int)(tag & 0xffffff));
}

/* ---- Runs ---- */

/* Start a run. Returns the stopped thread's tid, or 0 when it would not be traced. */
static pid_t step_start(const struct step_event *event, enum step_kind kind, uint32_t boundary, pid_t *process)
{
	memset(step_shared, 0, sizeof(*step_shared));
	*process = fork();
	if (*process == 0)
		step_run(event, &step_plans[kind].scene, step_run_number(event, kind, boundary));
	return step_first_stop();
}

/* Find the boundaries of a kind of draw. Returns whether there are any; if not, plan->missing says why. */
static bool step_explore(const struct step_event *event, enum step_kind kind)
{
	struct step_plan *plan = &step_plans[kind];
	pid_t process, thread;

	if (plan->missing)
		return false;
	plan->scene.processor = sched_getcpu();
	thread = step_start(event, kind, 0, &process);
	if (!thread) {
		plan->missing = "this process may not be traced (ptrace)";
	} else {
		plan->missing = step_follow(&plan->trace, thread, &step_shared->inside, plan->scene.ends);
		ptrace(PTRACE_DETACH, thread, NULL, NULL);
	}
	kill(process, SIGKILL);
	while (waitpid(process, NULL, __WALL) == -1 && errno == EINTR)
		;
	return !plan->missing;
}

/* Whether all threads of the process but this one sleep. */
static bool step_all_sleep(pid_t process, pid_t but)
{
	char path[64], line[512];
	const char *state;
	bool all = true;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", process);
	tasks = opendir(path);
	while (tasks && all && (entry = readdir(tasks))) {
		FILE *file;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == but)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", process, entry->d_name);
		file = fopen(path, "re");
		state = file && fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
		all = state && state[2] == 'S';
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return all;
}

/*
 * The thread stays where it is while the companion does what the event says. If that waits for the thread (a lock is taken
 * at this boundary) all others sleep in the end: then the thread goes on first.
 */
static void step_stand_still(pid_t process, pid_t thread)
{
	const struct timespec patience = { 0, STEP_ASLEEP };
	int asleep = 0;

	step_set(&step_shared->go);
	while (asleep < 2 && !__atomic_load_n(&step_shared->over, __ATOMIC_SEQ_CST))
		if (syscall(SYS_futex, &step_shared->over, FUTEX_WAIT, 0, &patience, NULL, 0) == -1 && errno == ETIMEDOUT)
			asleep = step_all_sleep(process, thread) ? asleep + 1 : 0;
}

/*
 * One run: to the boundary, let the event strike, and wait for the end of all that. STEP_MISSED: the boundary was not
 * passed; the trace may come from a draw in which the kernel reseeded.
 */
enum step_outcome { STEP_STRUCK, STEP_MISSED, STEP_BROKE };

static enum step_outcome step_strike(const struct step_event *event, enum step_kind kind, uint32_t boundary)
{
	struct step_plan *plan = &step_plans[kind];
	pid_t process, thread;
	char who[256];

	snprintf(who, sizeof(who), "%s, %s, boundary %u", event->name, plan->name, boundary);
	for (int try = 0; try < STEP_TRIES; try++) {
		thread = step_start(event, kind, boundary, &process);
		if (thread && step_reach(&plan->trace, thread, boundary, try == 0, &step_shared->inside)) {
			if (event->outside)
				step_stand_still(process, thread);
			else
				syscall(SYS_tgkill, process, thread, SIGUSR1);
		}
		if (thread)
			ptrace(PTRACE_DETACH, thread, NULL, NULL);
		if (!wait_ok(process, who)) {
			step_describe(who, step_run_number(event, kind, boundary) << 32);
			note("  %s", who);
			step_broken++;
			return STEP_BROKE;
		}
		if (step_shared->struck)
			return STEP_STRUCK;
	}
	return STEP_MISSED;
}

/* ---- A kind of draw under an event ---- */

/* Whether one of the boundaries before this one, from 1 on, is at the same instruction. */
static bool step_seen(const struct step_trace *trace, uint32_t boundary, uint64_t pc)
{
	for (uint32_t i = 1; i < boundary; i++)
		if (trace->pc[trace->first + i - 1] == pc)
			return true;
	return false;
}

/* Whether an instruction is of the generator itself, and not of the libc: of the vDSO, or of what stands in its place. */
static bool step_generates(uint64_t pc)
{
	extern char __executable_start, etext;

	return (pc >= step_vdso[0] && pc < step_vdso[1]) || (pc >= (uintptr_t)&__executable_start && pc < (uintptr_t)&etext);
}

/* The boundary to take after this one: the next in the full profile or of a short draw, else as STEP_SAMPLES has it. */
static uint32_t step_next(const struct step_trace *trace, uint32_t last, bool large)
{
	uint64_t pc;

	while ((large || !full_profile()) && trace->count > STEP_SHORT && last + STEP_TAIL < trace->count) {
		pc = trace->pc[trace->first + last++];
		if ((!step_generates(pc) && !(large && step_seen(trace, last, pc))) ||
		    next_random(&case_seed) % trace->count < STEP_SAMPLES)
			return last;
	}
	return last + 1;
}

/*
 * A fork after the last check copies a finished buffer, with any implementation. Such boundaries must be one run at
 * the very end of the call. first: the first of them, 0 for none; holes: boundaries behind it that are not.
 */
struct step_copies {
	uint32_t first, holes;
};

static void step_count_copy(struct step_copies *copies, const struct step_event *event, enum step_kind kind,
			    uint32_t boundary)
{
	if (step_shared->copied) {
		if (!copies->first)
			copies->first = boundary;
	} else if (copies->first) {	/* the kernel may have reseeded just now: ask again */
		if (step_strike(event, kind, boundary) == STEP_STRUCK && !step_shared->copied && copies->holes++ < 3)
			note("%s, boundary %u: not a copy of a finished buffer, but boundary %u is",
			     step_plans[kind].name, boundary, copies->first);
	}
}

/* After so many failures there is nothing new to see. */
static bool step_enough(void)
{
	return step_broken >= STEP_BROKEN || tap->failures > TAP_MAX_FAILURES;
}

/* Returns whether the trace holds: false, and nothing said, when a boundary was missed and may be traced anew. */
static bool step_all_boundaries(const struct step_event *event, enum step_kind kind, bool last_try)
{
	const struct step_plan *plan = &step_plans[kind];
	const struct step_trace *trace = &plan->trace;
	uint32_t struck = 0, tried = 0, boundary;
	struct step_copies copies = { 0 };
	enum step_outcome outcome;

	for (boundary = step_next(trace, 0, kind == STEP_LARGE); boundary <= trace->count && !step_enough();
	     boundary = step_next(trace, boundary, kind == STEP_LARGE)) {
		tried++;
		outcome = step_strike(event, kind, boundary);
		if (outcome == STEP_STRUCK) {
			struck++;
			step_count_copy(&copies, event, kind, boundary);
		} else if (outcome == STEP_MISSED) {
			if (!last_try)
				return false;
			note("boundary %u is not passed", boundary);
		}
	}
	check(struck == tried && tried, "%s, %s: %u of %u boundaries", event->name, plan->name, tried, trace->count);
	if (event->forks)
		check(copies.first && !copies.holes,
		      "%s, %s: a fork copies a finished buffer only at the last %u of %u boundaries", event->name,
		      plan->name, copies.first ? trace->count + 1 - copies.first : 0, trace->count);
	return true;
}

/* CONFORM_STEP: only what has this text in "EVENT, KIND", as failures print it: to look at one of them again. */
static bool step_wanted(const struct step_event *event, enum step_kind kind)
{
	const char *only = getenv("CONFORM_STEP");
	char name[256];

	snprintf(name, sizeof(name), "%s, %s", event->name, step_plans[kind].name);
	return !only || strstr(name, only);
}

static void step_kind_case(const struct step_event *event, enum step_kind kind)
{
	if (!step_wanted(event, kind))
		return;
	if ((kind == STEP_LARGE && event->halts) || (step_plans[kind].scene.ends && !event->outside))
		return;		/* its length is what makes it halt; a thread that ends may have blocked all signals */
	if (event->stands_in && kind >= STEP_WARM && kind <= STEP_LARGE)
		return;		/* with a witness in the vDSO's place there is no batch */
	for (int try = 1; try <= STEP_TRIES && !step_enough(); try++) {
		if (!step_explore(event, kind)) {
			note("not possible: %s, %s: %s", event->name, step_plans[kind].name, step_plans[kind].missing);
			return;
		}
		if (step_all_boundaries(event, kind, try == STEP_TRIES))
			return;
	}
}

/* ---- A case ---- */

/*
 * A batch makes some draws short and one in several long: find a warm draw (the shortest) and one that refills (the
 * longest), among draws 3 to 10 of a thread, or later ones where droppable memory comes later. False when the longest
 * was a reseed, not to be seen again.
 */
static bool step_find_refill(const struct step_event *event)
{
	struct step_plan *warm = &step_plans[STEP_WARM], *refill = &step_plans[STEP_REFILL];
	uint32_t shortest = STEP_MAX, longest = 0;
	int first = step_droppable_after > 2 ? step_droppable_after : 2;
	int *before = &warm->scene.before, best = first, worst = first;

	for (*before = first; *before < first + 8 && step_explore(event, STEP_WARM); ++*before) {
		if (warm->trace.count < shortest) {
			shortest = warm->trace.count;
			best = *before;
		}
		if (warm->trace.count > longest) {
			longest = warm->trace.count;
			worst = *before;
		}
	}
	*before = step_plans[STEP_RESEED].scene.before = step_plans[STEP_LARGE].scene.before = best;
	refill->scene.before = worst;
	if (longest < 2 * shortest)
		refill->missing = "all draws are alike: there is no batch";
	else
		step_explore(event, STEP_REFILL);
	return refill->missing || refill->trace.count >= 2 * shortest;
}

/* After how many draws there are droppable pages; 0: never. Asked in a child: the first draw is yet to be stepped. */
static int step_droppable(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(warm_droppable());
	while (child > 0 && waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static void step_begin(const char *promise)
{
	static char never[64];

	case_begin(promise, scaled(300, 3600));
	libc_needs(getrandom);
	step_record_begin();
	stall_begin();
	step_shared = mmap(NULL, sizeof(*step_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (step_shared == MAP_FAILED)
		skip_all("no memory");
	step_find_vdso();
	step_plans[STEP_LARGE].scene.length = scaled(104, STEP_LONGEST);	/* whole words */
	step_droppable_after = step_droppable();
	if (!step_droppable_after) {
		snprintf(never, sizeof(never), "no droppable memory after %d draws: nothing to drop", WARM_DRAWS);
		step_plans[STEP_RESEED].missing = never;
	}
}

/* Nothing passes that was not asked: a skip where CONFORM_STEP leaves nothing, and a fact that says what it leaves. */
static void step_needs_wanted(const struct step_event *events, size_t count)
{
	bool any = false;

	if (!getenv("CONFORM_STEP"))
		return;
	for (size_t i = 0; i < count; i++)
		for (enum step_kind kind = 0; kind < STEP_KINDS; kind++)
			any |= step_wanted(&events[i], kind);
	if (!any)
		skip_all("nothing here has the text of CONFORM_STEP in \"EVENT, KIND\": %s", getenv("CONFORM_STEP"));
	fact("only", "%s", getenv("CONFORM_STEP"));
}

/* All kinds of draws under each of the events, and the end of main(). */
static int step_case(const char *promise, const struct step_event *events, size_t count)
{
	step_events = events;
	step_needs_wanted(events, count);
	if (!step_explore(&events[0], STEP_PROGRAM))
		skip_all("%s", step_plans[STEP_PROGRAM].missing);
	for (size_t i = 0; i < count; i++)	/* before this process itself draws */
		step_kind_case(&events[i], STEP_PROGRAM);
	step_draw(2, 3);
	for (int try = 1; try <= STEP_TRIES && !step_find_refill(&events[0]); try++)
		;
	for (size_t i = 0; i < count; i++)
		for (enum step_kind kind = STEP_CHILD; kind < STEP_KINDS; kind++)
			step_kind_case(&events[i], kind);
	step_compare(promise);
	for (enum step_kind kind = 0; kind < STEP_KINDS; kind++)
		if (!step_plans[kind].missing && step_plans[kind].trace.count)
			tap_line("# fact: ", "boundaries_%s=%u", step_plans[kind].fact, step_plans[kind].trace.count);
	return case_end();
}

#endif
