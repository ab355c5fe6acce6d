/* SPDX-License-Identifier: MIT */
/*
 * A contender in a guest: draws again and again, and leaves a record of each draw in memory (record.h). The ways to draw
 * are the files of the benchmark (bench/native/contenders, worker.h) and of contenders/ here.
 *
 *	draw NUMBER FUNCTION SIZE [stop]	NUMBER: in the plan; SIZE in bytes, 8 or more
 *
 * `stop`: a signal handler stops the thread in the middle of a draw, in the vDSO's code, until the snapshot is over.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "record.h"
#include "worker.h"

#define LARGE		65536	/* bytes; one such draw warms up */
#define KEPT		16	/* bytes of a draw that are recorded: its last */
#define VDSO_SIZE	8192	/* at most; it is one page or two of code in all kernels that have it */

static struct control *control;
static const char *wanted;
static struct function chosen;

void offer(const char *name, draws *draw, size_t most)
{
	if (!strcmp(name, wanted))
		chosen = (struct function){ name, draw, most };
}

void version(const char *text)
{
	(void)text;
}

void *library(const char *soname)
{
	return dlopen(soname, RTLD_NOW | RTLD_GLOBAL);
}

void *symbol(void *library, const char *name)
{
	return dlsym(library, name);
}

void give_up(const char *what)
{
	fprintf(stderr, "%s\n", what);
	_exit(121);
}

static uintptr_t program_counter(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return context->uc_mcontext.pc;
#endif
}

/* Waits here when it interrupts the vDSO; nanosleep is async-signal-safe on Linux. */
static void stop_in_a_draw(int number, siginfo_t *info, void *context)
{
	static bool done;
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR), at = program_counter(context);

	(void)number;
	(void)info;
	if (done || !all_are_warm(control) || at - vdso >= VDSO_SIZE)
		return;
	done = true;
	control->stopped++;
	while (!control->resumed && !control->over)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

static void start_timer(void)
{
	struct sigaction action = { .sa_sigaction = stop_in_a_draw, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct itimerval often = { { 0, 997 }, { 0, 997 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/*
 * Something else between two draws, for a time that differs from draw to draw and from process to process: in step, all of
 * them would lose the processor at one place. Numerical Recipes' generator will do.
 */
static void pause_for_a_while(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	for (volatile uint32_t turns = *seed >> 24; turns; turns--)
		;
}

/*
 * The clock is read before the vDSO is entered for a draw, so a handler can also interrupt the reading: the code of
 * clock_gettime is in the vDSO too. Where a thread has to stop in a draw, no clock is read.
 */
static void draw_on(const struct ring *ring, unsigned char *buf, size_t size, bool stop)
{
	const unsigned char *last = size > KEPT ? buf + size - KEPT : buf;
	uint64_t warm = size > LARGE ? 1 : WARM;
	uint32_t after = 0, seed = (uint32_t)ring->pages->contender;

	for (uint64_t number = 1; !control->over && after < control->draws; number++) {
		uint64_t begun = stop && !control->resumed ? 0 : nanoseconds();

		chosen.draw(buf, size, 1);
		record(ring, number, begun, last, size < KEPT ? size : KEPT);
		if (control->resumed)
			after++;
		pause_for_a_while(&seed);
		if (number <= warm)
			control->drawn[ring->pages->contender]++;
		if (number == warm) {
			control->warm++;
			while (!all_are_warm(control))	/* those who are slow need the processor */
				nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		}
	}
}

int main(int argc, char **argv)
{
	const char *reason;
	struct ring ring;
	unsigned char *buf;
	size_t size;
	bool stop;

	if (argc < 4)
		give_up("usage: draw NUMBER FUNCTION SIZE [stop]");
	wanted = argv[2];
	size = strtoul(argv[3], NULL, 10);
	stop = argc > 4;
	control = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, CONTROL, 0);
	buf = calloc(1, size);
	if (control == MAP_FAILED || !buf)
		give_up("no memory");
	reason = contender_prepare();
	if (reason || !chosen.draw)
		give_up(reason ? reason : "there is no such function");
	ring = make_ring(strtoul(argv[1], NULL, 10), control->draws + (size > LARGE ? 0 : UNTOLD));
	if (stop)
		start_timer();
	draw_on(&ring, buf, size, stop);
	control->finished++;
	for (;;)
		pause();
}
