/* SPDX-License-Identifier: MIT */
/*
 * When nothing more can be mapped - RLIMIT_AS or RLIMIT_DATA is used up - draws still succeed: in the main thread, in
 * threads that are there already, in a forked child.
 *
 * Source: getrandom(2), ERRORS: there is no ENOMEM; setrlimit(2)
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <pthread.h>
#include <sys/resource.h>

#define THREADS	100

static struct draws *draws;
static uint32_t waiting, go;

static void draw_some(uint64_t who)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < 50; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
		if (libc.getentropy && libc.getentropy(bytes, 16) == 0)
			draws_add(draws, bytes, 16, who);
		if (libc.arc4random_buf) {
			libc.arc4random_buf(bytes, 16);
			draws_add(draws, bytes, 16, who);
		}
	}
}

static void *body(void *who)
{
	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		usleep(500);
	draw_some((uintptr_t)who);
	return NULL;
}

static int limited(int resource, bool drawn_before)
{
	struct rlimit none = { 0, 0 };
	pthread_t threads[THREADS];
	pthread_attr_t small;
	unsigned int i, count;
	pid_t child;
	int status;

	if (drawn_before)
		draw_some(1);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	for (count = 0; count < THREADS; count++)
		if (pthread_create(&threads[count], &small, body, (void *)(uintptr_t)(count + 2)))
			break;
	while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < count)
		usleep(500);
	if (setrlimit(resource, &none) ||
	    mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 77;
	draw_some(1000);
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	child = fork();
	draw_some(child ? 1001 : 1002);
	if (!child)
		_exit(0);
	if (child > 0 && (waitpid(child, &status, 0) != child || status))
		return 3;
	return tap->failures ? 1 : 0;
}

int main(void)
{
	static const int resources[] = { RLIMIT_AS, RLIMIT_DATA };
	unsigned int i, tried = 0;
	int status;
	pid_t child;

	case_begin("draws when nothing can be mapped", 60);
	libc_needs(getrandom);
	draws = draws_new(4 * (THREADS + 6) * 50 * 4);
	for (i = 0; i < 4; i++) {
		child = fork();
		if (!child)
			_exit(limited(resources[i % 2], i / 2));
		waitpid(child, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
			note("RLIMIT_%s does not stop a mapping here", i % 2 ? "DATA" : "AS");
			continue;
		}
		tried++;
		check(status == 0, "RLIMIT_%s, %s: wait status %#x", i % 2 ? "DATA" : "AS",
		      i / 2 ? "drawn before" : "not drawn yet", status);
	}
	if (!tried)
		skip_all("no limit stops a mapping here");
	outputs_distinct(draws, "under limits");
	return case_end();
}
