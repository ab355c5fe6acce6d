/* SPDX-License-Identifier: MIT */
/*
 * Initialisation, whole or not at all: find the vDSO's getrandom, ask its parameters, map the first states, then
 * make the record read-only. It runs in the constructor: whoever draws earlier, in a constructor of another library
 * or an IFUNC resolver, gets the system call, for thread-local storage may not be set up yet.
 */
#include "process.h"

#include <sys/auxv.h>

#include "chacha/chacha.h"
#include "environment.h"
#include "fill.h"
#include "report.h"
#include "slots.h"
#include "syscalls.h"
#include "vdso.h"

#define CACHE_LINE 64

/* What the vDSO answers when asked for its parameters (include/uapi/linux/random.h). */
struct opaque_params {
	uint32_t size_of_opaque_state, mmap_prot, mmap_flags, reserved[13];
};

union process_page process_page __attribute__((aligned(PAGE_MAX)));

/* The name for the world; this library uses the hidden one, which nothing can interpose. */
extern EXPORT union process_page exported_record __asm__("vgetrandom_process") __attribute__((alias("vgetrandom_process_page")));

static TOGETHER bool ready;

WEAK unsigned long getauxval(unsigned long type);

bool process_relocated(void)
{
	static void *const volatile here = &process_page;

	return here == &process_page;
}

bool process_ready(void)
{
	return __atomic_load_n(&ready, __ATOMIC_ACQUIRE);
}

static bool ask_parameters(vdso_getrandom *entry)
{
	struct opaque_params params = {0};

	if (arch_vdso_call(entry, NULL, 0, 0, &params, ~(size_t)0) != 0)
		return false;
	if (!params.size_of_opaque_state || params.size_of_opaque_state > process.page_size)
		return false;
	process.state_size = params.size_of_opaque_state;
	process.mmap_prot = params.mmap_prot;
	process.mmap_flags = params.mmap_flags;
	process.state_stride = (params.size_of_opaque_state + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	return true;
}

/*
 * The kernel's own limit can't be asked for. The stack and the vDSO are near the top of the address space,
 * wherever this kernel puts it: the next power of two is the limit, or just below it.
 */
static uint64_t user_span(void)
{
	uint64_t high = getauxval(AT_RANDOM) | getauxval(AT_SYSINFO_EHDR);

	return (UINT64_C(2) << (63 - __builtin_clzll(high))) - 2 * 4096;
}

static enum vgetrandom_status set_up(void)
{
	const void *image;
	vdso_getrandom *entry;

	if (!getauxval || !fail_has_errno())
		return VGETRANDOM_NO_LIBC;
	if (!slots_watch_forks())
		return VGETRANDOM_NO_MEMORY;
	if (environment_lists("VGETRANDOM", "off"))
		return VGETRANDOM_OFF;
	image = (const void *)getauxval(AT_SYSINFO_EHDR);
	if (!image)
		return VGETRANDOM_NO_VDSO;
	entry = (vdso_getrandom *)vdso_find(image, VDSO_SYMBOL, VDSO_VERSION);
	if (!entry)
		return VGETRANDOM_NO_VDSO;
	process.page_size = (uint32_t)getauxval(AT_PAGESZ);
	if (!ask_parameters(entry))
		return VGETRANDOM_NO_PARAMS;
	if (!slots_init())
		return VGETRANDOM_NO_MEMORY;
	process.entry = (uintptr_t)entry;
	return VGETRANDOM_ACTIVE;
}

static uint32_t wanted_vector(void)
{
	if (environment_lists("VGETRANDOM", "nobulk"))
		return VGETRANDOM_VECTOR_NONE;
	if (environment_lists("VGETRANDOM", "noavx2"))
		return VGETRANDOM_VECTOR_SSE2;
	return environment_lists("VGETRANDOM", "noavx512") ? VGETRANDOM_VECTOR_AVX2 : VGETRANDOM_VECTOR_AVX512;
}

/* From which length on a request is looked at more closely, and what may serve it then. */
static void set_large(void)
{
	uint32_t least;

	process.most_vector = chacha_permitted(wanted_vector(), getauxval(AT_HWCAP));
	least = process.most_vector == VGETRANDOM_VECTOR_NONE ? chacha_system_call_least : chacha_least;
	process.large = least < SMALL + 1 ? least : SMALL + 1;
}

/* The thread that loads the library gets its slot here, so that no filter installed later can come between. */
__attribute__((constructor)) static void load(void)
{
	report_init();
	process.magic = VGETRANDOM_MAGIC;
	process.version = VGETRANDOM_RECORD_VERSION;
	process.size = sizeof(process);
	process.slots = (uintptr_t)&all_slots;
	process.epoch = (uintptr_t)&epoch_page;
	process.vector = (uintptr_t)&chacha_vector;
	process.status = set_up();
	if (process.status == VGETRANDOM_OFF)
		slots_publish();	/* so that a vfork child's exit is not reported as ours; an emulator without vDSO may not wipe */
	if (process.status != VGETRANDOM_ACTIVE)
		return;
	process.user_span = user_span();
	process.small_limit = process.user_span - SMALL;
	set_large();
	if (sys_mprotect(&process_page, sizeof(process_page), PROT_READ)) {
		process.small_limit = 0;
		process.entry = 0;
		process.status = VGETRANDOM_NO_MEMORY;
		slots_undo();
		return;
	}
	/* Another thread may have come as far as slots_claim() by now, and been turned away. */
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
	slots_prepare();
}
