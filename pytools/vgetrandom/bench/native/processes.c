/* SPDX-License-Identifier: MIT */
/* What processes cost: a fork whose child draws, and starting a program with a library preloaded. */
#include "measures.h"

#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd.h"

#define MOST_SIZE 4096

static bool ends_well(pid_t child)
{
	int status;

	return child > 0 && waitpid(child, &status, 0) == child && !status;
}

enum part { FIRST, SECOND, WITH_DRAW, WITHOUT, PARTS };

/*
 * Nanoseconds from fork to the child's end; the child draws once or twice when there is a function, and stores what each
 * draw took. -1: it did not come to a good end. There are generators that end a forked child.
 */
static int64_t fork_once(const struct request *request, int draws, int64_t *taken)
{
	int64_t start = now();
	pid_t child = fork();

	if (!child) {
		char buf[MOST_SIZE];

		for (int i = 0; i < draws; i++) {
			int64_t before = now();

			request->function->draw(buf, request->size, 1);
			taken[i] = now() - before;
		}
		_exit(0);
	}
	return ends_well(child) ? now() - start : -1;
}

static void draw_thrice(void *arg, long member)
{
	const struct request *request = arg;
	char buf[MOST_SIZE];

	(void)member;
	request->function->draw(buf, request->size, 3);
}

/* Fills the four kinds of times; false: a child did not survive its draw. */
static bool fork_rounds(const struct request *request, int64_t *times, int64_t *taken)
{
	size_t rounds = (size_t)request->number;

	for (size_t i = 0; i < rounds; i++) {
		if (fork_once(request, 2, taken) < 0)
			return false;
		times[FIRST * rounds + i] = taken[0];
		times[SECOND * rounds + i] = taken[1];
		times[WITH_DRAW * rounds + i] = fork_once(request, 1, taken);
		times[WITHOUT * rounds + i] = fork_once(request, 0, taken);
	}
	return true;
}

/*
 * Prints medians in nanoseconds over `number` rounds, in a process with `threads` threads of which all have drawn: a
 * forked child's first draw and its second; forking a child that draws once, to its end; the same without the draw.
 * -1 each when a child does not survive its draw, or there can't be so many threads.
 */
void measure_fork(const struct request *request)
{
	size_t rounds = (size_t)request->number;
	int64_t *taken = mmap(NULL, MOST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t *times = calloc(rounds * PARTS, sizeof(*times));
	struct crowd *others = crowd_gather(request->threads - 1, draw_thrice, (void *)request);

	if (taken == MAP_FAILED || !times || request->size > MOST_SIZE)
		give_up("out of memory");
	draw_thrice((void *)request, 0);
	if (others)
		crowd_do(others);
	if (others && fork_rounds(request, times, taken))
		for (size_t part = 0; part < PARTS; part++)
			printf("%lld%c", (long long)median(times + part * rounds, rounds), part + 1 < PARTS ? ' ' : '\n');
	else
		printf("-1 -1 -1 -1\n");
	crowd_dismiss(others);
	munmap(taken, MOST_SIZE);
	free(times);
}

/* Prints the nanoseconds from starting `program` to its end, with `preload` as the only library preloaded, or none. */
void measure_start(const struct request *request)
{
	const char *program = request->program, *preload = request->preload;
	static char variable[4096 + sizeof("LD_PRELOAD=")];
	char *arguments[] = {(char *)program, NULL};
	char *environment[] = {preload ? variable : NULL, NULL};
	int64_t start;
	pid_t child;

	snprintf(variable, sizeof(variable), "LD_PRELOAD=%s", preload ? preload : "");
	start = now();
	if (posix_spawn(&child, program, NULL, NULL, arguments, environment))
		give_up("can't start the program");
	if (!ends_well(child))
		give_up("the program failed");
	printf("%lld\n", (long long)(now() - start));
}
