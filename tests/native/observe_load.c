/* SPDX-License-Identifier: MIT */
/*
 * Enters the getrandom system call a known number of times, for `vgetrandom observe` to count: 40 bytes each, by
 * system calls of its own, whatever is preloaded.
 *
 * Usage: observe_load threads N CALLS     N threads at once, CALLS calls each
 *        observe_load forks N CALLS       N children, at most 20 at once, CALLS calls each
 *        observe_load seconds N PER_SECOND    one thread for N seconds, at most PER_SECOND calls in each
 *
 * Prints how many calls it has made.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LENGTH	40
#define AT_ONCE	20	/* children */

static long calls;

static void draw(long times)
{
	char bytes[LENGTH];

	while (times-- > 0)
		if (syscall(SYS_getrandom, bytes, sizeof(bytes), 0) != sizeof(bytes))
			abort();
}

static void *thread(void *nothing)
{
	draw(calls);
	return nothing;
}

static long in_threads(long number)
{
	pthread_t threads[number];

	for (long i = 0; i < number; i++)
		if (pthread_create(&threads[i], NULL, thread, NULL))
			abort();
	for (long i = 0; i < number; i++)
		pthread_join(threads[i], NULL);
	return number * calls;
}

static long in_children(long number)
{
	for (long i = 0; i < number; i++) {
		pid_t child = fork();

		if (child < 0)
			abort();
		if (!child) {
			draw(calls);
			_exit(0);
		}
		if (i >= AT_ONCE)
			wait(NULL);
	}
	while (wait(NULL) > 0)
		;
	return number * calls;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* In portions of a thousandth of what a second has. */
static long for_seconds(long number)
{
	double start = now(), passed;
	long made = 0;

	while ((passed = now() - start) < number) {
		if (made < passed * calls) {
			draw(calls / 1000 + 1);
			made += calls / 1000 + 1;
		} else {
			usleep(100);
		}
	}
	return made;
}

int main(int argc, char **argv)
{
	long number, made = 0;

	if (argc != 4)
		return 2;
	number = atol(argv[2]);
	calls = atol(argv[3]);
	if (!strcmp(argv[1], "threads"))
		made = in_threads(number);
	else if (!strcmp(argv[1], "forks"))
		made = in_children(number);
	else
		made = for_seconds(number);
	printf("%ld\n", made);
	return 0;
}
