/* SPDX-License-Identifier: MIT */
/*
 * Promise: threads that draw may be cancelled (deferred, the default): each ends at its next cancellation point, and
 * whatever it had is of no harm to the threads that draw on and to those that come.
 * Source: pthread_cancel(3). Whether getrandom is itself a cancellation point is for the libc to say: a fact here.
 * Kind: promise
 */
#include "family.h"

static bool point;	/* getrandom was left by cancellation */

static void *probe(void *unused)
{
	unsigned char bytes[16];

	(void)unused;
	pthread_cancel(pthread_self());
	draw(bytes, sizeof(bytes));
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	point = false;
	return NULL;
}

__attribute__((noreturn))
static void *victim(void *ready)
{
	unsigned char bytes[16];

	family_draw(1, 1);
	__atomic_store_n((int *)ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		draw(bytes, sizeof(bytes));
		pthread_testcancel();
	}
}

static void cancel_one(int round)
{
	pthread_t thread;
	void *result = NULL;
	int ready = 0;

	if (!expect(!pthread_create(&thread, NULL, victim, &ready), "a thread starts"))
		return;
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		sched_yield();
	family_draw(2, round % 8);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	(void)expect(result == PTHREAD_CANCELED, "a cancelled thread says so");
	family_thread_draws(3);
}

int main(void)
{
	int rounds = (int)scaled(500, 5000);
	pthread_t thread;

	family_begin("threads that draw are cancelled at a cancellation point, and the others draw on", 2000000);
	point = true;
	if (pthread_create(&thread, NULL, probe, NULL))
		skip_all("no threads here");
	pthread_join(thread, NULL);
	fact("getrandom_is_cancellation_point", "%s", point ? "yes" : "no");
	for (int round = 0; round < rounds; round++)
		cancel_one(round);
	outputs_distinct(family, "draws around cancelled threads");
	return case_end();
}
