/* SPDX-License-Identifier: MIT */
/*
 * Large draws, by every function and by two threads of two processes, hold no repeat: not within one, not between
 * two, and nothing from an all-zero key.
 *
 * Source: getrandom(2); an implementation may expand a short draw, and then must not expand anything twice
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <pthread.h>

#define PROCESSES	2
#define THREADS		2
#define LARGEST		(64 * 1024)

static struct draws *draws;
static uint64_t each;	/* bytes of a thread */

static void draw_large(unsigned char *bytes, size_t length, uint64_t choice)
{
	if (choice % 3 == 1 && libc.arc4random_buf)
		libc.arc4random_buf(bytes, length);
	else if (choice % 3 == 2 && libc.getentropy && length <= 256)
		expect(!libc.getentropy(bytes, length), "getentropy gives %zu bytes", length);
	else
		draw(bytes, length);
}

/* Lengths of all orders of magnitude, at any alignment; what is left of 16 bytes is not compared. */
static void *body(void *who)
{
	static _Thread_local unsigned char room[LARGEST + 64];
	uint64_t choices = case_seed + (uintptr_t)who;

	for (uint64_t done = 0; done < each;) {
		uint64_t choice = next_random(&choices);
		size_t length = 64 + choice % (1 << (7 + choice % 10)), alignment = choice >> 32 & 63;

		if (length > LARGEST)
			length = LARGEST;
		draw_large(room + alignment, length, choice >> 40);
		draws_add(draws, room + alignment, length, (uintptr_t)who);
		done += length;
	}
	return NULL;
}

static void family_member(uint64_t number)
{
	pthread_t threads[THREADS];

	for (uint64_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)(number << 8 | i));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	uint64_t total = scaled(UINT64_C(16) << 20, UINT64_C(256) << 20);
	pid_t child;

	case_begin("no repeats within and between large draws", full_profile() ? 300 : 60);
	libc_needs(getrandom);
	each = total / PROCESSES / THREADS;
	draws = draws_new((total + PROCESSES * THREADS * LARGEST) / 16);
	child = fork();
	family_member(child ? 1 : 2);
	if (!child)
		_exit(0);
	wait_ok(child, "a child that draws");
	outputs_distinct(draws, "large draws");
	return case_end();
}
