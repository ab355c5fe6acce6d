/* SPDX-License-Identifier: MIT */
/*
 * The two limits between which every contender lies, measured in its own process: the bare system-call instruction,
 * and the bare vDSO function on a state of its own. And an empty function, for the cost of the measuring loop.
 */
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "vdso.h"
#include "worker.h"

#define PAGE 4096	/* a part of a page where pages are larger: no state straddles one */

/* include/uapi/linux/random.h */
struct opaque_params {
	uint32_t size_of_opaque_state, mmap_prot, mmap_flags, reserved[13];
};

static vdso_getrandom *entry;
static struct opaque_params params;
static _Thread_local void *state;

/* Each thread has its own, which is not given back: a worker has few. NULL: refused. */
static void *new_state(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char *next, *end;
	size_t stride = (params.size_of_opaque_state + 63) / 64 * 64;
	void *found = NULL;

	pthread_mutex_lock(&lock);
	if (end - next < (ptrdiff_t)stride) {
		next = mmap(NULL, PAGE, (int)params.mmap_prot, (int)params.mmap_flags, -1, 0);
		end = next == MAP_FAILED ? next : next + PAGE;
	}
	if (next != end) {
		found = next;
		next += stride;
	}
	pthread_mutex_unlock(&lock);
	return found;
}

const char *vdso_prepare(void)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);

	entry = image ? (vdso_getrandom *)vdso_find(image, VDSO_SYMBOL, VDSO_VERSION) : NULL;
	if (!entry)
		return "this kernel's vDSO has no getrandom";
	if (arch_vdso_call(entry, NULL, 0, 0, &params, ~(size_t)0) != 0)
		return "the vDSO does not tell its parameters";
	state = new_state();
	return state ? NULL : "the kernel refuses droppable memory";
}

void draw_from_vdso(void *buf, size_t size, long count)
{
	void *mine = state ? state : (state = new_state());

	while (count--)
		arch_vdso_call(entry, buf, size, 0, mine, params.size_of_opaque_state);
}

ssize_t thin_getrandom(void *buf, size_t size, unsigned int flags)
{
	long answer;

	if (!state)
		state = new_state();
	answer = arch_vdso_call(entry, buf, size, flags, state, params.size_of_opaque_state);
	if (answer >= 0)
		return answer;
	errno = (int)-answer;
	return -1;
}

void draw_by_system_call(void *buf, size_t size, long count)
{
	while (count--)
		raw_syscall(SYS_getrandom, (long)buf, (long)size, 0, 0, 0, 0);
}

static void empty(void *buf, size_t size)
{
	__asm__ volatile("" : : "r"(buf), "r"(size) : "memory");
}

static void (*volatile nothing)(void *buf, size_t size) = empty;

void draw_nothing(void *buf, size_t size, long count)
{
	while (count--)
		nothing(buf, size);
}
