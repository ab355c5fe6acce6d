/* SPDX-License-Identifier: MIT */
/*
 * Initialisation, whole or not at all: find the vDSO's getrandom, ask its parameters, map the states, then
 * make the record read-only. It runs in the constructor: whoever draws earlier, in a constructor of another
 * library or an IFUNC resolver, gets the system call, for thread-local storage may not be set up yet. What
 * must stay true: no kind of system call that the loader did not just make, but for those that
 * VGETRANDOM=lock asks for; and nothing is touched that the first draw can touch.
 */
#include "chacha/chacha.h"
#include "draw.h"
#include "vdso.h"

#include <sys/auxv.h>

#include "environment.h"
#include "imports.h"
#include "libc_errno.h"
#include "syscalls.h"
#include "vgetrandom.h"

_Thread_local struct thread_record vgetrandom_thread;

/*
 * States that never turn to zeros in use, but are wiped at a fork and left out of core dumps all the same; NULL
 * when refused.
 */
static void *map_locked(size_t size)
{
	void *states = sys_mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

	if (!states)
		return NULL;
	if (sys_madvise(states, size, MADV_WIPEONFORK) == 0 && sys_madvise(states, size, MADV_DONTDUMP) == 0 &&
	    sys_mlock_on_fault(states, size) == 0)
		return states;
	sys_munmap(states, size);
	return NULL;
}

static bool map_states(void)
{
	size_t size = slots_size();
	void *states = NULL;

	uint32_t memory = VGETRANDOM_MEMORY_DROPPABLE;

	if (environment_lists("VGETRANDOM", "lock")) {
		states = map_locked(size);
		memory = states ? VGETRANDOM_MEMORY_LOCKED : VGETRANDOM_MEMORY_LOCK_REFUSED;
	}
	if (!states)
		states = sys_mmap(size, (int)core.mmap_prot, (int)core.mmap_flags);
	if (states)
		vgetrandom_record.memory = memory;
	core.states = states;
	return states;
}

static enum vgetrandom_status set_up(void)
{
	const void *image;
	vdso_getrandom *entry;

	if (!imports.getauxval || !libc_errno_is_there())
		return VGETRANDOM_NO_LIBC;
	if (environment_says_off())
		return VGETRANDOM_OFF;
	image = (const void *)imports.getauxval(AT_SYSINFO_EHDR);
	if (!image)
		return VGETRANDOM_NO_VDSO;
	entry = (vdso_getrandom *)vdso_find(image, VDSO_SYMBOL, VDSO_VERSION);
	if (!entry)
		return VGETRANDOM_NO_VDSO;
	if (!vdso_parameters(entry))
		return VGETRANDOM_NO_PARAMS;
	if (!map_states())
		return VGETRANDOM_NO_MEMORY;
	core.entry = entry;
	return VGETRANDOM_ACTIVE;
}

static uint32_t most_vector(void)
{
	uint32_t most = CHACHA_VECTOR_AVX512;

	if (environment_lists("VGETRANDOM", "nobulk"))
		return 0;
	if (environment_lists("VGETRANDOM", "noavx2"))
		most = CHACHA_VECTOR_SSE2;
	else if (environment_lists("VGETRANDOM", "noavx512"))
		most = CHACHA_VECTOR_AVX2;
	return chacha_permitted(most, imports.getauxval(AT_HWCAP));
}

/* Tools look for it in the file, in which a compiler that copies it by instructions would not keep it. */
static const char release_in_file[] __attribute__((used)) = "vgetrandom-release=" VGETRANDOM_RELEASE;

static void describe(void)
{
	struct record *record = &vgetrandom_record;
	const char release[] = VGETRANDOM_RELEASE;

	_Static_assert(sizeof(release) <= sizeof(record->release), "a longer release");
	record->version = VGETRANDOM_RECORD_VERSION;
	record->size = sizeof(*record);
	for (size_t i = 0; i < sizeof(release); i++)
		record->release[i] = release[i];
	record->slot = (uintptr_t)slots_table.slots;
	record->used = (uintptr_t)&slots_table.used;
	record->slots = SLOTS;
	record->vector = (uintptr_t)&chacha_vector;
	record->magic = VGETRANDOM_MAGIC;
}

static void load(void)
{
	core.page_size = imports.getauxval ? (uint32_t)imports.getauxval(AT_PAGESZ) : PAGE_MAX;
	vgetrandom_record.status = set_up();
	describe();
	if (vgetrandom_record.status == VGETRANDOM_ACTIVE)
		draw_start(imports.getauxval(AT_RANDOM) | imports.getauxval(AT_SYSINFO_EHDR), most_vector());
	if (!record_protect() && vgetrandom_record.status == VGETRANDOM_ACTIVE) {
		/* Entry point and states stay, for another thread may be in a draw. */
		core.small_limit = 0;
		vgetrandom_record.memory = VGETRANDOM_MEMORY_NONE;
		vgetrandom_record.status = VGETRANDOM_NO_MEMORY;
	}
}

/* As a constructor is, but at a place of our choice: see record.h. */
static void (*const start)(void) __attribute__((section(".init_array"), used, aligned(INIT_ARRAY_ALIGN))) = load;
