/* SPDX-License-Identifier: MIT */
/* A data race, for gcc's -fsanitize=thread, which gives such a program the exit status 66; by _exit() with an argument. */
#include <pthread.h>
#include <unistd.h>

static int shared;

static void *add(void *unused)
{
	shared++;
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argv;
	pthread_create(&thread, NULL, add, NULL);
	shared++;
	pthread_join(thread, NULL);
	if (argc > 1)
		_exit(0);
	return 0;
}
