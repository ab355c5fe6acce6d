/* SPDX-License-Identifier: MIT */
/*
 * A thread made by the clone system call itself, with thread-local storage of its own but unknown to the libc's
 * thread library, draws like any other, and so do those that come after it has ended.
 *
 * Source: clone(2): CLONE_THREAD, CLONE_SETTLS; what language runtimes do
 * Kind: quality
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <sched.h>

#define STACK	(256 * 1024)
#define DRAWS	64

static struct draws *draws;

static int body(void *number)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < DRAWS; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)number);
	}
	syscall(SYS_exit, 0);
	return 0;
}

#if defined(__x86_64__)
/* glibc gives out thread-local storage by a private function; the block's head is as in its tcbhead_t. */
static void *new_tls(void)
{
	void *(*allocate)(void *) = (void *(*)(void *))libc_symbol("_dl_allocate_tls");
	uintptr_t *block, *mine;

	if (!allocate)
		return NULL;
	block = allocate(NULL);
	__asm__("mov %%fs:0, %0" : "=r"(mine));
	block[0] = (uintptr_t)block;
	block[2] = (uintptr_t)block;
	block[5] = mine[5];		/* the stack's canary */
	block[6] = mine[6];		/* the key that hides pointers */
	return block;
}
#else
static void *new_tls(void)
{
	return NULL;
}
#endif

int main(void)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
			  CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	uint32_t total = scaled(200, 2000), number, alive[8] = { 0 }, i;
	char *stacks[8];

	case_begin("threads of the raw clone call draw", 60);
	libc_needs(getrandom);
	if (!new_tls())
		skip_all("thread-local storage for a raw thread can be had only from glibc on x86-64");
	draws = draws_new((uint64_t)(total + 8) * DRAWS * 2);
	for (i = 0; i < 8; i++)
		stacks[i] = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	for (number = 0; number < total; number += 8) {
		for (i = 0; i < 8; i++) {
			alive[i] = 1;
			if (!expect(clone(body, stacks[i] + STACK, flags, (void *)(uintptr_t)(number + i + 1), &alive[i], new_tls(),
					  &alive[i]) > 0, "clone makes a thread"))
				return case_end();
		}
		for (i = 0; i < 8; i++)		/* the kernel clears it when the thread has ended */
			while (__atomic_load_n(&alive[i], __ATOMIC_ACQUIRE))
				usleep(50);
	}
	outputs_distinct(draws, "raw threads");
	return case_end();
}
