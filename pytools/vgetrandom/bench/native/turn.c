/* SPDX-License-Identifier: MIT */
/* One turn: `count` draws between two looks at the clock, after a warm-up, on the pinned CPU. */
#include "measures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<linux/perf_event.h>)	/* musl-gcc has no kernel headers */
#include <linux/perf_event.h>
#endif

#define WARM_UP_PART 8		/* of the turn */
#define PAIRS 1001

static char *buffer(size_t size)
{
	static char *memory;
	static size_t capacity;

	if (size > capacity) {
		free(memory);
		if (posix_memalign((void **)&memory, 64, size))
			give_up("out of memory");
		memset(memory, 1, size);
		capacity = size;
	}
	return memory;
}

enum counter { INSTRUCTIONS, CYCLES };

/* A counter of what this thread does in user space; -1 where the host has none or forbids it. */
static int open_counter(enum counter which)
{
#ifdef PERF_ATTR_SIZE_VER0
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = which == CYCLES ? PERF_COUNT_HW_CPU_CYCLES : PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
#else
	(void)which;
	return -1;
#endif
}

static int64_t reading(int fd)
{
	int64_t value;

	return fd >= 0 && read(fd, &value, sizeof(value)) == sizeof(value) ? value : -1;
}

static long involuntary_switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

/* Prints: nanoseconds, user instructions, user cycles (-1: can't be counted), times another process took the CPU. */
void measure_turn(const struct request *request)
{
	static int instructions = -2, cycles = -2;
	draws *draw = request->function->draw;
	size_t size = request->size;
	long count = request->number;
	char *buf = buffer(size ? size : 64);
	int64_t start, end, instructions_before, cycles_before;
	long switches;

	if (instructions == -2) {
		instructions = open_counter(INSTRUCTIONS);
		cycles = open_counter(CYCLES);
	}
	draw(buf, size, count / WARM_UP_PART);
	switches = involuntary_switches();
	instructions_before = reading(instructions);
	cycles_before = reading(cycles);
	start = now();
	draw(buf, size, count);
	end = now();
	printf("%lld %lld %lld %ld\n", (long long)(end - start),
	       (long long)(instructions < 0 ? -1 : reading(instructions) - instructions_before),
	       (long long)(cycles < 0 ? -1 : reading(cycles) - cycles_before), involuntary_switches() - switches);
}

/* Prints the cost of one look at the clock, in nanoseconds, as every single-draw measure contains it. */
void measure_timer(const struct request *request)
{
	int64_t costs[PAIRS];

	(void)request;
	for (int i = 0; i < PAIRS; i++) {
		int64_t start = now();

		costs[i] = now() - start;
	}
	printf("%lld\n", (long long)median(costs, PAIRS));
}
