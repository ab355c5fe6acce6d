/* SPDX-License-Identifier: MIT */
/*
 * A program that locks all its memory, present and future, draws in old and new threads; also when it may lock nothing
 * more. Whether this kernel locks droppable memory with it, which is then never dropped, is a fact.
 *
 * Source: mlockall(2): MCL_FUTURE may make a later mapping fail; mmap(2), MAP_DROPPABLE: not with MAP_LOCKED
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "memory.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static struct draws *draws;
static struct { bool found, locked; } *droppable;	/* in any of the children, which had locked all that came */

static void *body(void *who)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < 100; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)who);
	}
	return NULL;
}

/* In a child of its own, so that each begins with a process that has not locked anything. */
static int locked(int flags, bool drawn_before, bool nothing_more)
{
	struct rlimit none = { 0, 0 };
	struct mapping found[64];
	pthread_t threads[40];
	unsigned int i, count;
	pthread_attr_t small;

	if (drawn_before)
		body((void *)1);
	if (mlockall(flags))
		return 77;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	for (count = 0; count < 40; count++) {
		/* Threads get their stacks before the limit falls; they draw after it. */
		if (pthread_create(&threads[count], &small, body, (void *)(uintptr_t)(count + 2)))
			break;
		if (count == 20 && nothing_more) {
			setrlimit(RLIMIT_MEMLOCK, &none);
			if (setuid(65534) && geteuid() == 0)
				return 77;
		}
	}
	body((void *)1000);
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	for (i = mappings_find("self", "dp", found, 64); i--;) {
		droppable->found = true;
		droppable->locked |= mapping_has(&found[i], "lo");
	}
	return tap->failures ? 1 : 0;
}

int main(void)
{
	static const int flags[] = { MCL_CURRENT, MCL_FUTURE, MCL_CURRENT | MCL_FUTURE };
	unsigned int i, tried = 0;
	int status;
	pid_t child;

	case_begin("draws in locked memory", 60);
	libc_needs(getrandom);
	draws = draws_new(12 * 50 * 200);
	droppable = mmap(NULL, sizeof(*droppable), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (droppable == MAP_FAILED)
		skip_all("no memory");
	for (i = 0; i < 12; i++) {
		child = fork();
		if (!child)
			_exit(locked(flags[i % 3], i / 3 % 2, i / 6));
		waitpid(child, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			continue;
		tried++;
		check(status == 0, "mlockall(%d), %s, %s: wait status %#x", flags[i % 3], i / 3 % 2 ? "drawn before" : "not drawn yet",
		      i / 6 ? "then nothing more may be locked" : "no limit", status);
	}
	if (!tried)
		skip_all("this process may not lock its memory");
	if (droppable->found)
		fact("droppable-memory", "%s", droppable->locked ? "locked" : "not locked");
	outputs_distinct(draws, "locked memory");
	return case_end();
}
