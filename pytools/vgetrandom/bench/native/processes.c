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

static bool ends_well(pid_t child)
{
	int status;

	return child > 0 && waitpid(child, &status, 0) == child && !status;
}

/*
 * Nanoseconds from fork to the child's end; the child draws when there is a function, and stores what that took.
 * -1: it did not come to a good end. There are generators that end a forked child.
 */
static int64_t fork_once(const struct function *function, size_t size, int64_t *first)
{
	int64_t start = now();
	pid_t child = fork();

	if (!child) {
		char buf[4096];
		int64_t before = now();

		if (function) {
			function->draw(buf, size, 1);
			*first = now() - before;
		}
		_exit(0);
	}
	return ends_well(child) ? now() - start : -1;
}

/*
 * Prints three medians of `number` rounds in nanoseconds: the first draw in a forked child; forking a child that draws
 * once, to its end; the same without the draw. -1 each when a child does not survive its draw.
 */
void measure_fork(const struct request *request)
{
	long rounds = request->number;
	int64_t *first = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t *times = calloc((size_t)rounds * 3, sizeof(*times));

	if (first == MAP_FAILED || !times || request->size > 4096)
		give_up("out of memory");
	for (long i = 0; i < rounds; i++) {
		times[rounds + i] = fork_once(request->function, request->size, first);
		if (times[rounds + i] < 0) {
			printf("-1 -1 -1\n");
			return;
		}
		times[i] = *first;
		times[2 * rounds + i] = fork_once(NULL, 0, NULL);
	}
	printf("%lld %lld %lld\n", (long long)median(times, (size_t)rounds),
	       (long long)median(times + rounds, (size_t)rounds), (long long)median(times + 2 * rounds, (size_t)rounds));
	munmap(first, 4096);
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
