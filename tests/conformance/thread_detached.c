/* SPDX-License-Identifier: MIT */
/*
 * Detached threads come and go while others draw, in an order that nobody controls; no bytes come out twice.
 *
 * Source: pthread_detach(3), getrandom(2): thread-safe
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <pthread.h>

#define CREATORS	4

static struct draws *draws;
static uint32_t alive, created;
static uint64_t each;

static void draw_some(uint64_t who, unsigned int count)
{
	unsigned char bytes[32];

	while (count--) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

static void *short_life(void *number)
{
	draw_some((uintptr_t)number, 1 + (uintptr_t)number % 7);
	__atomic_fetch_sub(&alive, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *creator(void *first)
{
	uint64_t choices = case_seed ^ (uintptr_t)first;
	pthread_attr_t detached;
	pthread_t thread;
	uint64_t i;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, 64 * 1024);
	for (i = 0; i < each; i++) {
		while (__atomic_load_n(&alive, __ATOMIC_SEQ_CST) > 200)
			usleep(100);
		__atomic_fetch_add(&alive, 1, __ATOMIC_SEQ_CST);
		if (!expect(!pthread_create(&thread, &detached, short_life, (void *)((uintptr_t)first + i)),
			    "a detached thread can be created"))
			break;
		__atomic_fetch_add(&created, 1, __ATOMIC_SEQ_CST);
		draw_some((uintptr_t)first, next_random(&choices) % 4);
	}
	return NULL;
}

int main(void)
{
	pthread_t creators[CREATORS];
	unsigned int i;

	case_begin("detached threads share no output", full_profile() ? 180 : 40);
	libc_needs(getrandom);
	each = scaled(5000, 50000);
	draws = draws_new(each * CREATORS * 2 * (8 + 4));
	for (i = 0; i < CREATORS; i++)
		pthread_create(&creators[i], NULL, creator, (void *)(uintptr_t)((i + 1) * 0x1000000));
	for (i = 0; i < CREATORS; i++)
		pthread_join(creators[i], NULL);
	while (__atomic_load_n(&alive, __ATOMIC_SEQ_CST))
		usleep(1000);
	check(created == CREATORS * each, "%u detached threads", created);
	outputs_distinct(draws, "detached threads");
	return case_end();
}
