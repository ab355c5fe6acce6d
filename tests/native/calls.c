/* SPDX-License-Identifier: MIT */
/*
 * Draws by every function in the first thread, in a new one, in one for which no slot is left and in forked children,
 * with marks in between: a tracer sees which system calls each part made. A mark is a write that fails.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
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

static void draw(int turns)
{
	char bytes[64];

	while (turns--) {
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes) || getentropy(bytes, sizeof(bytes)))
			abort();
		arc4random_buf(bytes, sizeof(bytes));
		if (arc4random_uniform(arc4random() | 1) == UINT32_MAX)
			abort();
		if (syscall(SYS_getrandom, bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes))
			abort();
		if (getrandom(bytes, sizeof(bytes), GRND_RANDOM) != sizeof(bytes))
			abort();
	}
}

static pthread_barrier_t barrier;

static void *body(void *name)
{
	mark(name);
	draw(1);
	mark("warm thread");
	draw(TURNS);
	mark("end of thread");
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* Threads one after another, all staying alive: only the last finds no slot. */
static void *stay(void *order)
{
	draw(1);
	pthread_barrier_wait(order);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[FIRST_SLOTS];
	pthread_barrier_t order;
	int i;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread[0], NULL, body, "first draw of a thread");
	pthread_barrier_wait(&barrier);
	pthread_join(thread[0], NULL);
	pthread_barrier_init(&barrier, NULL, FIRST_SLOTS + 1);
	pthread_barrier_init(&order, NULL, 2);
	for (i = 0; i < FIRST_SLOTS - 1; i++) {
		pthread_create(&thread[i], NULL, stay, &order);
		pthread_barrier_wait(&order);
	}
	pthread_create(&thread[i], NULL, body, "first draw without a slot left");
	pthread_barrier_wait(&barrier);
	for (i = 0; i < FIRST_SLOTS; i++)
		pthread_join(thread[i], NULL);
}

static void child(void)
{
	if (!fork()) {
		mark("first draw of a child");
		draw(1);
		mark("warm child");
		draw(TURNS);
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
	threads();
	child();
	mark("after a fork");
	draw(TURNS);
	mark("last");
	_exit(0);
}
