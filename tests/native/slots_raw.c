/* SPDX-License-Identifier: MIT */
/*
 * Threads of the raw clone call, which libc doesn't know: those that live one after another on one block of
 * thread-local storage share a slot, and draw on from what the one before left; those that are alive at once have
 * one each.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"

#include <sched.h>

#define AT_ONCE	8
#define ROUNDS	50
#define DRAWS	4
#define STACK	(64 * 1024)

static struct draws *draws;
static uint32_t drawn;		/* by threads of this round that wait for the others */

static int body(void *number)
{
	unsigned char bytes[32];

	for (int i = 0; i < DRAWS; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)number);
	}
	__atomic_add_fetch(&drawn, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&drawn, __ATOMIC_SEQ_CST) < AT_ONCE)
		usleep(50);
	syscall(SYS_exit, 0);
	return 0;
}

#if defined(__x86_64__)
/* glibc's private function gives out thread-local storage, or sets up `block` once more. Its head is a tcbhead_t. */
static void *fresh_tls(void *block)
{
	void *(*allocate)(void *) = (void *(*)(void *))dlsym(RTLD_DEFAULT, "_dl_allocate_tls");
	uintptr_t *head, *mine;

	if (!allocate)
		return NULL;
	head = allocate(block);
	__asm__("mov %%fs:0, %0" : "=r"(mine));
	head[0] = (uintptr_t)head;
	head[2] = (uintptr_t)head;
	head[5] = mine[5];		/* the stack's canary */
	head[6] = mine[6];		/* the key that hides pointers */
	return head;
}
#else
static void *fresh_tls(void *block)
{
	return block;
}
#endif

int main(void)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
			  CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	static char stacks[AT_ONCE][STACK] __attribute__((aligned(64)));
	uint32_t alive[AT_ONCE], i, round;
	void *storage[AT_ONCE] = { NULL };

	case_begin("threads of the raw clone call share slots by their storage", 60);
	libc_needs(getrandom);
	record_find();
	if (!fresh_tls(NULL))
		skip_all("thread-local storage for a raw thread can be had only from glibc on x86-64");
	draws = draws_new(AT_ONCE * ROUNDS * DRAWS * 2);
	for (round = 0; round < ROUNDS; round++) {
		drawn = 0;
		for (i = 0; i < AT_ONCE; i++) {
			alive[i] = 1;
			storage[i] = fresh_tls(storage[i]);
			if (!expect(clone(body, stacks[i] + STACK, flags, (void *)(uintptr_t)(round * AT_ONCE + i + 1), &alive[i],
					  storage[i], &alive[i]) > 0, "clone makes a thread"))
				return case_end();
		}
		for (i = 0; i < AT_ONCE; i++)	/* the kernel clears it when the thread has ended */
			while (__atomic_load_n(&alive[i], __ATOMIC_ACQUIRE))
				usleep(50);
		record_consistent("between two rounds");
	}
	check(slots_used() == AT_ONCE, "%u slots for %u at once: %u", AT_ONCE, AT_ONCE, slots_used());
	check(calls_served() == AT_ONCE * (ROUNDS * DRAWS - 1), "each block's first draw was a system call, no other: %llu calls",
	      (unsigned long long)calls_served());
	outputs_distinct(draws, "raw threads");
	return case_end();
}
