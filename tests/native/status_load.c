/* SPDX-License-Identifier: MIT */
/*
 * status_load THREADS CHILDREN DRAWS [PAUSE]: every thread, and every child after its fork, draws DRAWS times 16
 * bytes, with PAUSE microseconds before each, and waits. The parent draws before it forks, or with PAUSE after it.
 * Prints the pids, one a line, then "ready" when all have drawn; everyone exits at the end of standard input.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

static int draws, pause_us;

static void draw(void)
{
	char buffer[16];

	for (int i = 0; i < draws; i++) {
		if (pause_us)
			usleep(pause_us);
		if (getentropy(buffer, sizeof(buffer)))	/* a system call in every libc */
			abort();
	}
}

static void wait_for_end(void)
{
	char byte;

	while (read(0, &byte, 1) > 0)
		;
}

static pthread_barrier_t drawn;

static void *thread_main(void *argument)
{
	draw();
	pthread_barrier_wait(&drawn);
	wait_for_end();
	return argument;
}

int main(int argc, char **argv)
{
	int threads = atoi(argv[1]), children = atoi(argv[2]), done[2];
	pthread_t thread[64];
	char byte;

	draws = atoi(argv[3]);
	pause_us = argc > 4 ? atoi(argv[4]) : 0;
	if (threads > 64 || pipe(done) || pthread_barrier_init(&drawn, NULL, (unsigned int)threads + 1))
		return 2;
	printf("%d\n", getpid());
	fflush(stdout);
	if (!pause_us)
		draw();
	for (int i = 0; i < children; i++) {
		pid_t child = fork();

		if (child == 0) {
			draw();
			if (write(done[1], "x", 1) != 1)
				abort();
			wait_for_end();
			exit(0);
		}
		printf("%d\n", child);
		fflush(stdout);
	}
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, thread_main, NULL))
			return 2;
	if (pause_us)
		draw();
	pthread_barrier_wait(&drawn);
	for (int i = 0; i < children; i++)
		if (read(done[0], &byte, 1) != 1)
			return 2;
	puts("ready");
	fflush(stdout);
	wait_for_end();
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	while (wait(NULL) > 0)
		;
	return 0;
}
