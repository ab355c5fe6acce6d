/* SPDX-License-Identifier: MIT */
/*
 * A thread, or a forked child, draws SIZE bytes each of TIMES times and ends; nobody else draws.
 * Usage: first_draw thread|child SIZE [TIMES]
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[1 << 16];
static size_t size;
static int times = 1;

static void *draw(void *unused)
{
	for (int i = 0; i < times; i++)
		if (getrandom(bytes, size, 0) != (ssize_t)size)
			abort();
	return unused;
}

int main(int argc, char *argv[])
{
	pthread_t thread;
	int status;

	if (argc < 3 || (size = strtoul(argv[2], NULL, 10)) > sizeof(bytes))
		return 2;
	if (argc > 3)
		times = atoi(argv[3]);
	if (!strcmp(argv[1], "thread"))
		return pthread_create(&thread, NULL, draw, NULL) || pthread_join(thread, NULL);
	if (fork() == 0) {
		draw(NULL);
		return 0;
	}
	return wait(&status) < 0 || status;
}
