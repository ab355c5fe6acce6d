/* SPDX-License-Identifier: MIT */
/*
 * The two limits between which every contender lies, measured in its own process: the bare system-call instruction,
 * and the bare vDSO function on a state of its own. And an empty function, for the cost of the measuring loop.
 */
#include "references.h"

#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "slots.h"
#include "vdso.h"

struct process_settings worker_settings;
static _Thread_local void *state;

/* Each thread has its own, which is not given back: a worker has few. NULL: refused. */
static void *new_state(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char *next, *end;
	size_t stride = core.state_stride;
	void *found = NULL;

	pthread_mutex_lock(&lock);
	if (end - next < (ptrdiff_t)stride) {
		next = mmap(NULL, core.page_size, (int)core.mmap_prot, (int)core.mmap_flags, -1, 0);
		end = next == MAP_FAILED ? next : next + core.page_size;
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

	core.page_size = (uint32_t)getauxval(AT_PAGESZ);
	core.entry = image ? (vdso_getrandom *)vdso_find(image, VDSO_SYMBOL, VDSO_VERSION) : NULL;
	if (!core.entry)
		return "this kernel's vDSO has no getrandom";
	if (!vdso_parameters(core.entry))
		return "the vDSO does not tell its parameters";
	state = new_state();
	return state ? NULL : "the kernel refuses droppable memory";
}

void draw_from_vdso(void *buf, size_t size, long count)
{
	void *mine = state ? state : (state = new_state());

	while (count--)
		arch_vdso_call(core.entry, buf, size, 0, mine, core.state_size);
}

ssize_t thin_getrandom(void *buf, size_t size, unsigned int flags)
{
	long answer;

	if (!state)
		state = new_state();
	answer = arch_vdso_call(core.entry, buf, size, flags, state, core.state_size);
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
