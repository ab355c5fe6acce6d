/* SPDX-License-Identifier: MIT */
/* Private memory of this process as the kernel accounts it (proc(5), smaps_rollup). */
#include "measures.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK (64 * 1024)

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

/* Prints KiB, after one draw: private pages written to, private pages only read, page tables. */
void measure_memory(const struct request *request)
{
	char buf[4096];
	long dirty, clean;
	const char *text;

	request->function->draw(buf, request->size, 1);
	contents("/proc/self/smaps_rollup");	/* the first look allocates */
	text = contents("/proc/self/smaps_rollup");
	dirty = field(text, "Private_Dirty:");
	clean = field(text, "Private_Clean:");
	printf("%ld %ld %ld\n", dirty, clean, field(contents("/proc/self/status"), "VmPTE:"));
}

struct sleeper {
	const struct function *function;
	size_t size;
	pthread_barrier_t *before, *after;
};

static void *draw_between(void *arg)
{
	struct sleeper *sleeper = arg;
	char buf[4096];

	memset(buf, 0, sizeof(buf));
	pthread_barrier_wait(sleeper->before);
	pthread_barrier_wait(sleeper->before);
	sleeper->function->draw(buf, sleeper->size, 2);
	pthread_barrier_wait(sleeper->after);
	pthread_barrier_wait(sleeper->after);
	return NULL;
}

/* Prints the KiB that `number` threads, all alive, add to the private pages written to when each draws twice. */
void measure_thread_memory(const struct request *request)
{
	long threads = request->number;
	pthread_barrier_t before, after;
	struct sleeper sleeper = {request->function, request->size, &before, &after};
	pthread_t *thread = calloc((size_t)threads, sizeof(*thread));
	pthread_attr_t attributes;
	long idle, drawn;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_barrier_init(&before, NULL, (unsigned int)threads + 1);
	pthread_barrier_init(&after, NULL, (unsigned int)threads + 1);
	for (long i = 0; i < threads; i++)
		if (!thread || pthread_create(&thread[i], &attributes, draw_between, &sleeper))
			give_up("can't create a thread");
	pthread_barrier_wait(&before);
	idle = field(contents("/proc/self/smaps_rollup"), "Private_Dirty:");
	pthread_barrier_wait(&before);
	pthread_barrier_wait(&after);
	drawn = field(contents("/proc/self/smaps_rollup"), "Private_Dirty:");
	pthread_barrier_wait(&after);
	for (long i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("%ld\n", drawn - idle);
	free(thread);
}
