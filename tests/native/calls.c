/* SPDX-License-Identifier: MIT */
/*
 * Draws by every function in the first thread, in new ones, in one for which no slot is left and in a forked child, with
 * marks in between: a tracer sees which system calls each part made, a thread's first draw and its second each by itself.
 * A mark is a write that fails.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_SLOTS	16
#define TURNS		1000

static void mark(const char *text)
{
	if (write(-1, text, strlen(text)) == 0)
		abort();
}

static bool by_getrandom(char *bytes, size_t size)
{
	return getrandom(bytes, size, 0) == (ssize_t)size;
}

static bool by_flags(char *bytes, size_t size)
{
	return getrandom(bytes, size, GRND_RANDOM) == (ssize_t)size;
}

static bool by_getentropy(char *bytes, size_t size)
{
	return !getentropy(bytes, size);
}

static bool by_syscall(char *bytes, size_t size)
{
	return syscall(SYS_getrandom, bytes, size, GRND_NONBLOCK) == (long)size;
}

static bool by_arc4random(char *bytes, size_t size)
{
	uint32_t number = arc4random();

	memcpy(bytes, &number, size < sizeof(number) ? size : sizeof(number));
	return true;
}

static bool by_arc4random_buf(char *bytes, size_t size)
{
	arc4random_buf(bytes, size);
	return true;
}

static bool by_arc4random_uniform(char *bytes, size_t size)
{
	bytes[0] = (char)arc4random_uniform(1 << 7);	/* a power of two: never a second number */
	return size > 0;
}

static const struct way {
	const char *name;
	bool (*draw)(char *bytes, size_t size);
} ways[] = {
	{ "by getrandom", by_getrandom },
	{ "by flags", by_flags },
	{ "by getentropy", by_getentropy },
	{ "by syscall", by_syscall },
	{ "by arc4random", by_arc4random },
	{ "by arc4random_buf", by_arc4random_buf },
	{ "by arc4random_uniform", by_arc4random_uniform },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void draw_once(const struct way *way)
{
	char bytes[64];

	if (!way->draw(bytes, sizeof(bytes)))
		abort();
}

static void draw(int turns)
{
	while (turns--)
		for (size_t i = 0; i < WAYS; i++)
			draw_once(&ways[i]);
}

static pthread_barrier_t barrier;

/* A thread, or a child: its first draw, its second, then many. */
static void draw_from_the_first(const char *who, const struct way *way)
{
	char first[64], second[64], warm[64];

	snprintf(first, sizeof(first), "first draw %s", who);
	snprintf(second, sizeof(second), "second draw %s", who);
	snprintf(warm, sizeof(warm), "warm %s", who);
	mark(first);
	draw_once(way);
	mark(second);
	draw_once(way);
	mark(warm);
	draw(TURNS);
}

static void *body(void *way)
{
	draw_from_the_first(((struct way *)way)->name, way);
	mark("end of thread");
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void alone(const struct way *way)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, body, (void *)way);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
}

/* Threads one after another, all staying alive: only the last finds no slot. */
static void *stay(void *order)
{
	draw(1);
	pthread_barrier_wait(order);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void without_a_slot_left(void)
{
	const struct way last = { "without a slot left", by_getrandom };
	pthread_t thread[FIRST_SLOTS];
	pthread_barrier_t order;
	int i;

	pthread_barrier_init(&barrier, NULL, FIRST_SLOTS + 1);
	pthread_barrier_init(&order, NULL, 2);
	for (i = 0; i < FIRST_SLOTS - 1; i++) {
		pthread_create(&thread[i], NULL, stay, &order);
		pthread_barrier_wait(&order);
	}
	pthread_create(&thread[i], NULL, body, (void *)&last);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < FIRST_SLOTS; i++)
		pthread_join(thread[i], NULL);
}

static void child(void)
{
	if (!fork()) {
		draw_from_the_first("of a child", &ways[0]);
		mark("end of child");
		_exit(0);
	}
	wait(NULL);
}

int main(void)
{
	mark("first thread");
	draw(TURNS);
	mark("end of first thread");
	alone(&ways[0]);
	without_a_slot_left();
	for (size_t i = 1; i < WAYS; i++)
		alone(&ways[i]);
	child();
	mark("after a fork");
	draw(TURNS);
	mark("last");
	_exit(0);
}
