/* SPDX-License-Identifier: MIT */
/*
 * The process that is stepped: what is done before the draw, the draw between its two marks, the event, and what the
 * events of the cases are made of. Each run is a process of its own, with everything here in its initial state.
 */
#ifndef CONFORM_STEP_RUN_H
#define CONFORM_STEP_RUN_H

#include "tap.h"
#include "libc.h"
#include "stall.h"
#include "step_record.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sys/ptrace.h>

#define STEP_PIECE	16	/* bytes of a draw */
#define STEP_LONGEST	1104	/* of the draw that is stepped, at most */
#define STEP_PATIENCE	10	/* seconds for one run */
#define STEP_CROWD	18	/* more than fit into what an implementation is likely to have at hand */
#define STEP_CROWDS	(2 * STEP_CROWD)	/* at once */
#define STEP_HALT	(STALLS - 1)	/* the stall for the stepped draw; 0 is the bystander's, then the crowd's */

/* What interrupts the draw, and what is done when that is over. */
struct step_event {
	const char *name;
	void (*begin)(void);	/* if set, before the first draw */
	void (*strike)(void);	/* in a signal handler, at the boundary */
	void (*after)(void);	/* by each process in which the draw came to its end, or by whoever is left */
	void (*other)(void);	/* by the companion, another thread, when strike() calls step_wake() */
	bool stands_in;		/* begin() puts a witness in the vDSO's place: no draw refills a batch */
	bool outside;		/* there is no strike(): the thread stands still, stopped by its tracer, while other() runs */
	bool forks;		/* strike() forks, and both processes go on with the draw */
	bool halts;		/* the draw is one of STALL_BYTES, so that strike() can say: stall_arm(STEP_HALT) */
	bool pads;		/* up to 16 threads draw and end before a warm draw, more at each boundary: whatever goes
				   round among all states stands everywhere once */
};

/* What comes before the draw. */
struct step_scene {
	int before;		/* draws of the main thread */
	bool bystander;		/* then another thread stops in the middle of a draw until the run ends */
	bool thread;		/* then a new thread makes the draw that is stepped */
	int again;		/* after so many of its own */
	bool ends;		/* and not that is stepped, but the end of the thread */
	bool drop;		/* and the droppable pages are dropped just before it */
	size_t length;		/* bytes; 0: STEP_PIECE */
	int processor;		/* all of it is there, the trace and each run: an implementation may ask where it runs */
};

enum step_role { STEP_PARENT, STEP_FORKED };	/* which of the two processes after a fork in strike() */

static struct step_shared {	/* by all processes of a run, and the tracer */
	int inside;		/* the stepped thread is between the two marks around its draw */
	bool struck;		/* the event happened */
	int go, over;		/* for other() of an event from outside: it may begin, it has returned; shared futexes */
	bool done[2];		/* by role: the draw came to its end */
	unsigned char result[2][STEP_LONGEST];
	unsigned char buffer[STEP_LONGEST];	/* what was in the buffer when the event happened */
	bool copied;		/* both processes got this finished buffer: the fork came after the last check */
} *step_shared;

static struct {			/* of this process */
	const struct step_event *event;
	const struct step_scene *scene;
	uint64_t run;		/* goes into the tags: which event, which kind of draw, which boundary */
	enum step_role role;
	pid_t child;		/* forked by strike() */
	pid_t stepped;		/* tid of the stepped thread */
	pthread_t bystander;
	sigjmp_buf before;	/* for siglongjmp: just before the draw */
	sem_t woken;		/* the companion waits for it */
	pthread_t crowd[STEP_CROWDS];
	int crowded;
	unsigned char buffer[STEP_LONGEST], *out;	/* where the stepped draw goes */
	size_t length;
	uint64_t draws;		/* numbers the draws of a process */
} step;

/* ---- Draws ---- */

/* who 0 to 255: tells the threads and processes of a run apart in a failure. */
static inline uint64_t step_tag(unsigned int who)
{
	return step.run << 32 | (uint64_t)who << 24 | __atomic_fetch_add(&step.draws, 1, __ATOMIC_RELAXED);
}

/* Draw `times` pieces and record them. */
static inline void step_draw(unsigned int who, int times)
{
	unsigned char bytes[STEP_PIECE];

	while (times--) {
		memset(bytes, 0, sizeof(bytes));
		if (draw(bytes, sizeof(bytes)))
			step_add(bytes, sizeof(bytes), step_tag(who));
	}
}

static inline void step_wait(sem_t *semaphore)
{
	while (sem_wait(semaphore))
		;
}

static inline pthread_t step_thread(void *(*start)(void *), uintptr_t argument)
{
	pthread_t thread;

	if (!expect(!pthread_create(&thread, NULL, start, (void *)argument), "a new thread starts"))
		_exit(1);
	return thread;
}

static void *step_newcomer(void *who)
{
	step_draw((unsigned int)(uintptr_t)who, 2);
	return NULL;
}

/* Start a thread that draws, and wait for its end. */
static inline void step_thread_draws(unsigned int who)
{
	pthread_join(step_thread(step_newcomer, who), NULL);
}

/* A draw that halts in the middle until stall_release(which). */
static inline void step_halt(int which, unsigned int who)
{
	unsigned char bytes[STALL_BYTES];

	if (stall_draw(which, bytes))
		step_add(bytes, sizeof(bytes), step_tag(who));
}

/*
 * ---- A crowd: threads that all live at once, so that whatever can be shared is. All are in the middle of a draw,
 * because threads that share a state in turn don't show it: of their second, for a first may be a system call.
 */

struct step_member {
	int stall;
	unsigned int who;
	int *begin;		/* if set, it waits until this is set */
};

static void *step_crowd_member(void *member)
{
	const struct step_member self = *(struct step_member *)member;

	if (self.begin)
		stall_await(self.begin);
	step_draw(self.who, 1);
	step_halt(self.stall, self.who);
	step_draw(self.who, 1);
	return NULL;
}

static inline void step_crowd_one(unsigned int who, int *begin)
{
	static struct step_member members[STEP_CROWDS];
	const int i = step.crowded++;

	members[i] = (struct step_member){ .stall = 1 + i, .who = who, .begin = begin };
	stall_arm(1 + i);
	step.crowd[i] = step_thread(step_crowd_member, (uintptr_t)&members[i]);
}

/* Start `count` threads, who, who + 1 and so on: returns when all are in the middle of a draw. */
static inline void step_crowd_comes(int count, unsigned int who)
{
	while (count--) {
		step_crowd_one(who++, NULL);
		stall_wait(step.crowded);
	}
}

/* The same in two steps: they are there, and have not drawn; then they draw. The first of all crowds. */
static int step_crowd_begin;

static inline void step_crowd_waits(int count, unsigned int who)
{
	while (count--)
		step_crowd_one(who++, &step_crowd_begin);
}

static inline void step_crowd_enters(void)
{
	stall_set(&step_crowd_begin);
	for (int i = 0; i < step.crowded; i++)
		stall_wait(1 + i);
}

/* All of them go on, draw once more, and end. */
static inline void step_crowd_goes(void)
{
	for (int i = 0; i < step.crowded; i++)
		stall_release(1 + i);
	while (step.crowded)
		pthread_join(step.crowd[--step.crowded], NULL);
}

/* ---- Droppable pages ---- */

/* One line of /proc/self/smaps: the flag "dp" marks a mapping as droppable. Returns whether it was, and is dropped. */
static inline bool step_drop_line(const char *line, unsigned long range[2])
{
	char *dash;

	if ((line[0] >= '0' && line[0] <= '9') || (line[0] >= 'a' && line[0] <= 'f')) {
		range[0] = strtoul(line, &dash, 16);
		range[1] = strtoul(dash + 1, NULL, 16);
	}
	return !strncmp(line, "VmFlags:", 8) && strstr(line, " dp") &&
	       !madvise((void *)range[0], range[1] - range[0], MADV_PAGEOUT);
}

/* Give all droppable pages of this process back (MADV_PAGEOUT drops them at once). Returns of how many mappings. */
static inline int step_drop(void)
{
	unsigned long range[2] = { 0, 0 };
	char text[1024], line[512];
	size_t used = 0;
	int file = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC), found = 0;
	ssize_t got;

	while (file >= 0 && (got = read(file, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (text[i] != '\n') {
				if (used < sizeof(line) - 1)
					line[used++] = text[i];
				continue;
			}
			line[used] = '\0';
			used = 0;
			found += step_drop_line(line, range);
		}
	}
	if (file >= 0)
		close(file);
	return found;
}

/* ---- The run ---- */

static void step_signal(int signal)
{
	int saved = errno;

	(void)signal;
	memcpy(step_shared->buffer, step.out, step.length);
	step_shared->struck = true;
	step.event->strike();
	errno = saved;
}

/* For strike() and other(): fork; true in the child. */
static inline bool step_fork(void)
{
	pid_t child = fork();

	if (child == 0) {
		step.role = STEP_FORKED;
		watchdog(STEP_PATIENCE);	/* timers are not inherited */
		return true;
	}
	(void)expect(child > 0, "fork");
	step.child = child;
	return false;
}

/* For strike(): have the companion do what the event says. */
static inline void step_wake(void)
{
	sem_post(&step.woken);
}

/*
 * The interrupted draws. When a fork came after the last check, both processes return the buffer as it was: no
 * implementation can help that. Anything else that is equal is a repeat. What a draw that was given up
 * half-way left in the buffer has been given out.
 */
static void step_settle(void)
{
	struct step_shared *s = step_shared;

	if (s->done[STEP_PARENT])
		step_add(s->result[STEP_PARENT], step.length, step_tag(0));
	for (size_t i = 0; !s->done[STEP_PARENT] && i < step.length; i += 8)
		if (memcmp(step.out + i, (uint64_t[1]){ 0 }, 8))
			step_add(step.out + i, 8, step_tag(0));
	if (!s->done[STEP_FORKED])
		return;
	s->copied = !memcmp(s->result[STEP_PARENT], s->result[STEP_FORKED], step.length) &&
		    !memcmp(s->result[STEP_PARENT], s->buffer, step.length);
	if (!s->copied)
		step_add(s->result[STEP_FORKED], step.length, step_tag(1));
}

/* Wait for a flag that another process may set. */
static inline void step_await(int *flag)
{
	while (!__atomic_load_n(flag, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, flag, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static inline void step_set(int *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, flag, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* The last act of every process of a run, by any thread. */
__attribute__((noreturn))
static void step_finish(void)
{
	if (!step_shared->struck)
		_exit(0);
	if (step.event->outside && step.role == STEP_PARENT)
		step_await(&step_shared->over);
	step.event->after();
	if (step.role == STEP_FORKED)
		_exit(0);
	if (step.bystander) {
		stall_release(0);
		pthread_join(step.bystander, NULL);
	}
	if (step.child > 0)
		wait_ok(step.child, "the process that the event forked");
	step_settle();
	_exit(0);
}

/* For other(), when strike() ends the stepped thread: wait until it has ended, and go on in its place. */
static inline void step_outlive(void)
{
	char path[64], line[512];
	const char *state;
	ssize_t got;
	int file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", step.stepped);
	do {			/* a main thread that has ended stays as a zombie */
		usleep(20);	/* the processor is the other's now */
		file = open(path, O_RDONLY | O_CLOEXEC);
		got = file < 0 ? -1 : read(file, line, sizeof(line) - 1);
		line[got > 0 ? got : 0] = '\0';
		if (file >= 0)
			close(file);
		state = strrchr(line, ')');
	} while (state && state[2] != 'Z' && state[2] != 'X');
	step_finish();
}

/* Is there in every run, so that all have the same number of threads. */
static void *step_companion(void *unused)
{
	if (!step.event->outside) {
		step_wait(&step.woken);
		step.event->other();
		return unused;
	}
	step_await(&step_shared->go);
	memcpy(step_shared->buffer, step.out, step.length);
	step_shared->struck = true;
	step.event->other();
	step_set(&step_shared->over);
	if (step.scene->ends)
		step_outlive();
	return unused;
}

static void *step_stand_by(void *who)
{
	step_draw((unsigned int)(uintptr_t)who, 1);
	step_halt(0, (unsigned int)(uintptr_t)who);
	step_draw((unsigned int)(uintptr_t)who, 2);
	return NULL;
}

/* The draw itself. The tracer sees the stop, then watches the marks. */
static void *step_stepped(void *of)
{
	const struct step_scene *scene = of;
	ssize_t got;

	step.stepped = (pid_t)syscall(SYS_gettid);
	step_draw(8, scene->again);
	if (scene->drop)
		step_drop();
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(77);
	if (sigsetjmp(step.before, 1))
		step_finish();
	syscall(SYS_tgkill, getpid(), step.stepped, SIGSTOP);
	__atomic_store_n(&step_shared->inside, 1, __ATOMIC_SEQ_CST);
	if (scene->ends)
		return NULL;
	got = libc.getrandom(step.out, step.length, 0);
	__atomic_store_n(&step_shared->inside, 0, __ATOMIC_SEQ_CST);
	if (got == STALL_AFTER && step.event->halts && step.role == STEP_FORKED)
		step_finish();	/* the system call does not halt: it fills what it can */
	if (expect(got == (ssize_t)step.length, "the interrupted draw gives %zu bytes, not %zd", step.length, got)) {
		memcpy(step_shared->result[step.role], step.out, step.length);
		step_shared->done[step.role] = true;
	}
	step_finish();
}

/* The life of the process. `run` goes into the tags of its draws. */
__attribute__((noreturn))
static void step_run(const struct step_event *event, const struct step_scene *scene, uint64_t run)
{
	const struct sigaction action = { .sa_handler = step_signal };
	cpu_set_t here;

	CPU_ZERO(&here);	/* the threads of a run take turns: quicker on one processor */
	CPU_SET(scene->processor, &here);
	sched_setaffinity(0, sizeof(here), &here);
	watchdog(STEP_PATIENCE);
	sigaction(SIGUSR1, &action, NULL);
	step.event = event;
	step.scene = scene;
	step.run = run;
	sem_init(&step.woken, 0, 0);
	step.length = event->halts ? STALL_BYTES : scene->length ? scene->length : STEP_PIECE;
	step.out = event->halts ? stall_buffer(STEP_HALT) : step.buffer;
	if (event->begin)
		event->begin();
	step_thread(step_companion, 0);
	step_draw(2, scene->before);
	for (uint64_t i = (run & 0xffff) % 17; event->pads && scene->before && !scene->thread && i; i--)
		step_thread_draws(7);
	if (scene->bystander) {
		stall_arm(0);
		step.bystander = step_thread(step_stand_by, 3);
		stall_wait(0);
	}
	if (!scene->thread)
		step_stepped((void *)scene);
	step_thread(step_stepped, (uintptr_t)scene);
	for (;;)
		pause();
}

#endif
