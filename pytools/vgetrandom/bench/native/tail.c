/* SPDX-License-Identifier: MIT */
/*
 * The slowest draws: of threads that have drawn before, few or many of them alive, and of a draw for which the kernel
 * has asked for a new key.
 */
#include "measures.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crowd.h"

#define MOST_SIZE 4096
#define WARM_UP 3		/* draws: the first ones of a thread find it a state */
#define LEAST_EACH 10		/* draws a thread */
#define SUSPECT 2000		/* nanoseconds from which on a draw is asked whether its thread lost the CPU */

/* RNDRESEEDCRNG of linux/random.h, which musl-gcc can't include: the kernel makes a new key at once, for everybody. */
#define RESEED _IO('R', 0x07)

struct tail {
	const struct function *function;
	size_t size;
	long each;		/* draws a thread; 0: warm up */
	int64_t *taken;		/* nanoseconds of each draw; negative: its thread lost the CPU meanwhile */
};

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

static int64_t one_draw(const struct tail *tail, void *buf, long *switched)
{
	int64_t start = now(), taken;

	tail->function->draw(buf, tail->size, 1);
	taken = now() - start;
	if (taken >= SUSPECT) {
		long before = *switched;

		*switched = switches();
		if (*switched != before)
			return -taken;
	}
	return taken;
}

static void draw_each(void *arg, long member)
{
	const struct tail *tail = arg;
	char buf[MOST_SIZE];
	long switched;

	if (!tail->each) {
		tail->function->draw(buf, tail->size, WARM_UP);
		return;
	}
	tail->function->draw(buf, tail->size, 1);	/* what waking up costs is no part of it */
	switched = switches();
	for (long i = 0; i < tail->each; i++)
		tail->taken[member * tail->each + i] = one_draw(tail, buf, &switched);
}

/* Prints the median, the 99th and 99.9th of 100, the longest, and the longest whose thread kept the CPU: nanoseconds. */
static void print_tail(int64_t *taken, size_t count)
{
	int64_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (taken[i] > kept)
			kept = taken[i];
		taken[i] = llabs(taken[i]);
	}
	sort(taken, count);
	printf("%lld %lld %lld %lld %lld\n", (long long)taken[count / 2], (long long)taken[count * 99 / 100],
	       (long long)taken[count * 999 / 1000], (long long)taken[count - 1], (long long)kept);
}

/* As print_tail(), of about `number` draws of `threads` threads that are alive at once; -1 each: there can't be so many. */
void measure_tail(const struct request *request)
{
	struct tail tail = { .function = request->function, .size = request->size };
	long threads = request->threads, each = request->number / threads;
	struct crowd *crowd = request->size <= MOST_SIZE ? crowd_gather(threads, draw_each, &tail) : NULL;
	size_t count;

	if (!crowd) {
		printf("-1 -1 -1 -1 -1\n");
		return;
	}
	crowd_do(crowd);
	tail.each = each < LEAST_EACH ? LEAST_EACH : each;
	count = (size_t)(threads * tail.each);
	tail.taken = malloc(count * sizeof(*tail.taken));
	if (!tail.taken)
		give_up("out of memory");
	memset(tail.taken, 0, count * sizeof(*tail.taken));	/* no draw waits for a page of it */
	crowd_do(crowd);
	crowd_dismiss(crowd);
	print_tail(tail.taken, count);
	free(tail.taken);
}

/* As print_tail(), of `number` draws, each the first after a new key of the kernel's; -1 each: that needs root. */
void measure_reseed(const struct request *request)
{
	struct tail tail = { .function = request->function, .size = request->size };
	char buf[MOST_SIZE];
	int fd = open("/dev/random", O_RDONLY | O_CLOEXEC);
	long switched = switches();

	if (fd < 0 || request->size > MOST_SIZE || ioctl(fd, RESEED)) {
		printf("-1 -1 -1 -1 -1\n");
		close(fd);
		return;
	}
	tail.taken = calloc((size_t)request->number, sizeof(*tail.taken));
	if (!tail.taken)
		give_up("out of memory");
	for (long i = 0; i < request->number; i++) {
		tail.function->draw(buf, tail.size, WARM_UP);
		ioctl(fd, RESEED);
		switched = switches();
		tail.taken[i] = one_draw(&tail, buf, &switched);
	}
	close(fd);
	print_tail(tail.taken, (size_t)request->number);
	free(tail.taken);
}
