/* SPDX-License-Identifier: MIT */
/* Private memory of this process as the kernel accounts it (proc(5), smaps_rollup), and the first draws that need it. */
#include "measures.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crowd.h"

#define MOST_SIZE 4096
#define DRAWS 3

static const char *contents(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		give_up("can't read the process's memory map in /proc");
	close(fd);
	text[length] = 0;
	return text;
}

static long field(const char *text, const char *name)
{
	const char *found = strstr(text, name);

	return found ? strtol(found + strlen(name), NULL, 10) : -1;
}

static int64_t one_draw(const struct request *request, void *buf)
{
	int64_t start = now();

	request->function->draw(buf, request->size, 1);
	return now() - start;
}

/*
 * Prints KiB, after the program's first draw: private pages written to, private pages only read, page tables. And the
 * nanoseconds of the first three draws.
 */
void measure_memory(const struct request *request)
{
	char buf[MOST_SIZE];
	int64_t first = one_draw(request, buf), second;
	long dirty, clean, tables;
	const char *text;

	contents("/proc/self/smaps_rollup");	/* the first look allocates */
	text = contents("/proc/self/smaps_rollup");
	dirty = field(text, "Private_Dirty:");
	clean = field(text, "Private_Clean:");
	tables = field(contents("/proc/self/status"), "VmPTE:");
	second = one_draw(request, buf);
	printf("%ld %ld %ld %lld %lld %lld\n", dirty, clean, tables, (long long)first, (long long)second,
	       (long long)one_draw(request, buf));
}

struct drawing {
	const struct request *request;
	bool draw;		/* or only touch the stack that a draw takes */
	int64_t *taken;		/* nanoseconds of each thread's first draws: all the first ones, then the second ones, ... */
};

__attribute__((noinline)) static void touch_stack(void)
{
	char deep[4 * MOST_SIZE];

	memset(deep, 0, sizeof(deep));
	__asm__ volatile("" : : "r"(deep) : "memory");
}

static void draw_or_not(void *arg, long member)
{
	struct drawing *drawing = arg;
	const struct request *request = drawing->request;
	char buf[MOST_SIZE];

	if (!drawing->draw)
		touch_stack();
	for (long i = 0; drawing->draw && i < DRAWS; i++)
		drawing->taken[i * request->threads + member] = one_draw(request, buf);
}

/*
 * Prints the KiB that `threads` threads, all alive, add to the private pages written to when each draws three times, and
 * the medians of these three draws in nanoseconds; -1 each: there can't be so many.
 */
void measure_thread_memory(const struct request *request)
{
	size_t threads = (size_t)request->threads;
	struct drawing drawing = { .request = request, .taken = malloc(threads * DRAWS * sizeof(*drawing.taken)) };
	struct crowd *crowd;
	long idle, drawn;

	if (!drawing.taken || request->size > MOST_SIZE)
		give_up("out of memory");
	memset(drawing.taken, 0, threads * DRAWS * sizeof(*drawing.taken));	/* its pages are there before */
	crowd = crowd_gather(request->threads, draw_or_not, &drawing);
	if (crowd) {
		crowd_do(crowd);
		idle = field(contents("/proc/self/smaps_rollup"), "Private_Dirty:");
		drawing.draw = true;
		crowd_do(crowd);
		drawn = field(contents("/proc/self/smaps_rollup"), "Private_Dirty:");
		printf("%ld %lld %lld %lld\n", drawn - idle, (long long)median(drawing.taken, threads),
		       (long long)median(drawing.taken + threads, threads),
		       (long long)median(drawing.taken + 2 * threads, threads));
	} else {
		printf("-1 -1 -1 -1\n");
	}
	crowd_dismiss(crowd);
	free(drawing.taken);
}
