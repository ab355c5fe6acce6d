/* SPDX-License-Identifier: MIT */
/*
 * A program preloaded with an allocator that draws in its initialisation and at every malloc and free works: a draw
 * never calls malloc.
 *
 * Source: signal-safety(7) does not list getrandom, but hardened allocators call it (hardened_malloc, mimalloc,
 * scudo)
 * Kind: quality
 * Library: drawing_malloc.c
 */
#include "life.h"
#include "libc.h"

#include <libgen.h>
#include <pthread.h>

static struct draws *draws;

/* Whether the first draws of a thread are malloc's own or not makes a difference: `number` has both. */
static void *body(void *number)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < (int)((uintptr_t)number % 3); i++) {
		void *volatile memory = malloc(100);

		free(memory);
	}
	for (i = 0; i < 200; i++) {
		void *volatile memory = malloc(100 + i);	/* volatile: not optimised away */

		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)&bytes >> 12);
		if (libc.arc4random_buf) {
			libc.arc4random_buf(bytes, sizeof(bytes));
			draws_add(draws, bytes, sizeof(bytes), 2);
		}
		free(memory);
	}
	return number;
}

static int inner(void)
{
	static struct tap quiet;
	unsigned long *recursions = dlsym(RTLD_DEFAULT, "drawing_malloc_recursions");
	unsigned long *drawn = dlsym(RTLD_DEFAULT, "drawing_malloc_draws");
	unsigned char *last = dlsym(RTLD_DEFAULT, "drawing_malloc_last");
	pthread_t threads[16];
	int i, zero = 0;

	tap = &quiet;
	if (!recursions || !drawn)
		return 3;	/* the allocator is not there */
	draws = life_draws();
	for (i = 0; i < 16; i++)
		pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)i);
	body(NULL);
	for (i = 0; i < 16; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 16; i++)
		zero += !last[i];
	return *recursions ? 4 : *drawn < 17 * 400 ? 5 : zero > 8 ? 6 : quiet.failures ? 7 : 0;
}

int main(int argc, char *argv[])
{
	char self[4096], order[2][16384], library[4200];
	const char *others = getenv("LD_PRELOAD");
	int i, status;
	pid_t child;

	libc_find();
	if (argc > 1 && !strcmp(argv[1], "inner"))
		return inner();
	case_begin("a malloc that draws", 30);
	libc_needs(getrandom);
	libc_needs_loader();
	draws = life_draws();
	if (!draws)
		skip_all("no memory file");
	snprintf(self, sizeof(self), "%s", program_invocation_name);
	snprintf(library, sizeof(library), "%s/drawing_malloc.so", dirname(self));
	snprintf(order[0], sizeof(order[0]), "%s%s%s", library, others ? ":" : "", others ? others : "");
	snprintf(order[1], sizeof(order[1]), "%s%s%s", others ? others : "", others ? ":" : "", library);
	for (i = 0; i < (others ? 2 : 1); i++) {
		child = fork();
		if (!child) {
			setenv("LD_PRELOAD", order[i], 1);
			life_next("inner");
		}
		waitpid(child, &status, 0);
		check(status == 0, "preloaded as %s: status %#x (3: not loaded, 4: malloc inside a draw)", order[i], status);
	}
	outputs_distinct(draws, "with a malloc that draws");
	return case_end();
}
