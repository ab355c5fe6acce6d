/* SPDX-License-Identifier: MIT */
/*
 * Ten thousand threads, all alive at once, draw and draw again: no two of them ever get the same bytes.
 *
 * Source: getrandom(2), getentropy(3): thread-safe (attributes(7): MT-Safe)
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <pthread.h>

#define DRAWS	16	/* before the barrier, and after it */
#define ROUNDS	100	/* more of these for the last two threads, which wait for each other before each */

static struct draws *draws;
static uint32_t arrived, released, met;

static void draw_some(uint64_t who)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < DRAWS; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

/* So they draw at the same time on a busy host, too: who waits does not sleep. */
static void draw_together(uint64_t who)
{
	uint32_t round;

	for (round = 1; round <= ROUNDS; round++) {
		__atomic_fetch_add(&met, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&met, __ATOMIC_ACQUIRE) < 2 * round)
			;
		draw_some(who);
	}
}

static void *body(void *number)
{
	uint64_t who = (uintptr_t)number;

	draw_some(who);
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&released, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &released, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
	draw_some(who);
	if (who + 2 > arrived)
		draw_together(who);
	return NULL;
}

int main(void)
{
	uint32_t count, want = scaled(2000, 10000);
	pthread_t *threads = calloc(want, sizeof(*threads));
	pthread_attr_t small;

	case_begin("threads alive at once share no output", full_profile() ? 300 : 60);
	libc_needs(getrandom);
	draws = draws_new(((uint64_t)want + ROUNDS) * DRAWS * 4);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	for (count = 0; count < want; count++)
		if (pthread_create(&threads[count], &small, body, (void *)(uintptr_t)(count + 1)))
			break;
	if (count < 100)
		skip_all("only %u threads can be had here: %s", count, strerror(errno));
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < count)
		usleep(1000);
	__atomic_store_n(&released, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &released, 1 /* FUTEX_WAKE */, INT32_MAX, NULL, NULL, 0);
	while (count)
		pthread_join(threads[--count], NULL);
	fact("threads", "%u", arrived);
	outputs_distinct(draws, "threads at once");
	return case_end();
}
