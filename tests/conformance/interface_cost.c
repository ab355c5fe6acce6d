/* SPDX-License-Identifier: MIT */
/*
 * How many system calls the first draw, a warm draw and the first two draws of a thread and of a forked child cost:
 * facts, and that a draw makes some progress at all.
 *
 * Source: none; what a reader of the table wants to know
 * Kind: quality
 */
#include "tap.h"
#include "calls.h"
#include "libc.h"

#include <pthread.h>

#define WARM	1000
#define MARKS	11

#define MARK() calls_mark(0)

static void draw_twice(void)
{
	unsigned char bytes[16];

	MARK();
	draw(bytes, sizeof(bytes));
	MARK();
	draw(bytes, sizeof(bytes));
	MARK();
}

static void *draw_in_thread(void *unused)
{
	draw_twice();
	return unused;
}

/* The program that is watched: a fresh one, whose very first draw is counted too. */
static void watched(void)
{
	unsigned char bytes[16];
	pthread_t thread;
	int i;

	libc_find();
	MARK();
	draw(bytes, sizeof(bytes));
	MARK();
	for (i = 0; i < WARM; i++)
		draw(bytes, sizeof(bytes));
	MARK();
	for (i = 0; i < WARM && libc.getentropy; i++)
		libc.getentropy(bytes, sizeof(bytes));
	MARK();
	for (i = 0; i < WARM && libc.arc4random; i++)
		libc.arc4random();
	MARK();
	pthread_create(&thread, NULL, draw_in_thread, NULL);
	pthread_join(thread, NULL);
	if (!fork()) {
		draw_twice();
		_exit(0);
	}
	wait(NULL);
	_exit(0);
}

/* What the one that made the last mark does before the next. */
struct costs {
	unsigned int marks, calls[MARKS];
	pid_t marker;
};

static void count(const struct call *call, void *of)
{
	struct costs *costs = of;

	if (call->mark >= 0) {
		costs->marks++;
		costs->marker = call->who;
	} else if (call->who == costs->marker && costs->marks < MARKS) {
		costs->calls[costs->marks - 1]++;
	}
}

int main(int argc, char *argv[])
{
	char *const again[] = { argv[0], (char *)"watched", NULL };
	struct costs costs = { 0 };
	pid_t child;
	int i;
	unsigned char bytes[16];
	struct timespec from, to;

	if (argc > 1)
		watched();
	case_begin("what a draw costs", 30);
	libc_needs(getrandom);
	child = fork();
	if (!child) {
		calls_may_be_followed();
		case_execv(program_invocation_name, again);
		_exit(127);
	}
	if (calls_follow(child, count, &costs) == -1)
		skip_all("this process can't trace its child: %s", strerror(errno));
	fact("first-draw-syscalls", "%u", costs.calls[0]);
	fact("syscalls-per-1000-draws", "%u", costs.calls[1]);
	if (libc.getentropy)
		fact("per-1000-getentropy", "%u", costs.calls[2]);
	if (libc.arc4random)
		fact("per-1000-arc4random", "%u", costs.calls[3]);
	fact("thread-first-draw-syscalls", "%u", costs.calls[5]);
	fact("thread-second-draw-syscalls", "%u", costs.calls[6]);
	fact("child-first-draw-syscalls", "%u", costs.calls[8]);
	fact("child-second-draw-syscalls", "%u", costs.calls[9]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < 100000; i++)
		draw(bytes, sizeof(bytes));
	clock_gettime(CLOCK_MONOTONIC, &to);
	fact("ns-per-draw", "%.0f", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / 1e5);
	check(true, "draws were counted");
	return case_end();
}
