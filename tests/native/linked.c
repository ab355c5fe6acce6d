/* SPDX-License-Identifier: MIT */
/*
 * A program that links the library and calls it by every name that it has; valid C and C++. Prints two draws, and
 * what the library's record says in the end.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <vgetrandom.h>

/* A name that the library uses inside, prefixed there: a static archive must not clash with it. */
#ifdef __cplusplus
extern "C" {
#endif
int draw_slowly(void);
extern const struct vgetrandom_process vgetrandom_process;	/* as exported; for tools, so that the header has none */
#ifdef __cplusplus
}
#endif
int draw_slowly(void)
{
	return 3;
}

static void print_record(void)
{
	const struct vgetrandom_process *record = &vgetrandom_process;
	/* The first slot: this program has one thread. */
	const struct vgetrandom_tail *tail = (const struct vgetrandom_tail *)(uintptr_t)(record->states + record->state_size);

	printf("status %u calls %u bytes %u\n", record->status, (unsigned int)tail->calls, (unsigned int)tail->bytes);
}

int main(void)
{
	unsigned char first[16] = { 0 }, second[16] = { 0 };

	/* A thread's first draw is a system call. */
	if (getrandom(first, sizeof(first), 0) != sizeof(first))
		return 1;
	if (vgetrandom(first, sizeof(first), 0) != sizeof(first) || getrandom(second, sizeof(second), 0) != sizeof(second))
		return 1;
	if (memcmp(first, second, sizeof(first)) == 0 || vgetrandom(first, 1, 0x1000) != -1)
		return 2;
	if (draw_slowly() != 3)
		return 3;
	for (unsigned int i = 0; i < sizeof(first); i++)
		printf("%02x%02x", first[i], second[i]);
	printf("\n");
	print_record();
	return 0;
}
