/* SPDX-License-Identifier: MIT */
/*
 * A thread that is ending still draws: in cleanup handlers, in every round of its thread-specific destructors, and in
 * C++'s thread_local destructors.
 *
 * Source: pthread_key_create(3), pthread_cleanup_push(3): no function is barred there; PTHREAD_DESTRUCTOR_ITERATIONS
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <limits.h>
#include <pthread.h>

static struct draws *draws;
static pthread_key_t keys[16];
static uint32_t in_destructor, in_cleanup, in_thread_local;
static int (*at_thread_exit)(void (*)(void *), void *, void *);	/* of the C++ ABI */
extern void *__dso_handle;

static void draw_some(uint64_t who)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < 4; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

static void destructor(void *round)
{
	unsigned int i;

	draw_some(1);
	__atomic_fetch_add(&in_destructor, 1, __ATOMIC_SEQ_CST);
	/* Set all keys again: the libc comes back for as many rounds as it has. */
	for (i = 0; i < 16; i++)
		pthread_setspecific(keys[i], round);
}

static void cleanup(void *unused)
{
	(void)unused;
	draw_some(2);
	__atomic_fetch_add(&in_cleanup, 1, __ATOMIC_SEQ_CST);
}

static void thread_local_destructor(void *unused)
{
	(void)unused;
	draw_some(3);
	__atomic_fetch_add(&in_thread_local, 1, __ATOMIC_SEQ_CST);
}

static void *body(void *drawing)
{
	unsigned int i;

	if (at_thread_exit)
		at_thread_exit(thread_local_destructor, NULL, &__dso_handle);
	for (i = 0; i < 16; i++)
		pthread_setspecific(keys[i], &keys[i]);
	pthread_cleanup_push(cleanup, NULL);
	if (drawing)	/* others draw for the first time when they are ending */
		draw_some(4);
	pthread_exit(NULL);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	uint64_t total = scaled(300, 3000), number;
	pthread_t threads[4];
	unsigned int i;

	case_begin("a thread draws until its very end", 60);
	libc_needs(getrandom);
	if (!libc_unwinds())
		skip_all("pthread_exit needs a libgcc_s.so.1 that this libc can load");
	at_thread_exit = (int (*)(void (*)(void *), void *, void *))libc_symbol("__cxa_thread_atexit_impl");
	draws = draws_new(total * 4 * 8 * (16 * 8 + 3));
	for (i = 0; i < 16; i++)
		if (pthread_key_create(&keys[i], destructor))
			skip_all("no 16 thread-specific keys");
	for (number = 0; number < total; number++) {
		for (i = 0; i < 4; i++)
			if (!expect(!pthread_create(&threads[i], NULL, body, i % 2 ? &keys : NULL), "a thread can be created"))
				return case_end();
		for (i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
	}
	check(in_destructor >= 16 * 4 * total, "%u draws in destructors", in_destructor);
	check(in_cleanup == 4 * total, "%u draws in cleanup handlers", in_cleanup);
	check(in_thread_local == (at_thread_exit ? 4 * total : 0), "%u draws in thread_local destructors", in_thread_local);
	outputs_distinct(draws, "ending threads");
	return case_end();
}
