/* SPDX-License-Identifier: MIT */
/*
 * glibc's start of core: by __libc_early_init, when thread-local storage is set up and no other thread of this copy of
 * libc is there.
 */
#include <ldsodefs.h>
#include <sys/mman.h>

#include "chacha/chacha.h"
#include "draw.h"
#include "early_init.h"
#include "vdso.h"

struct process_settings __getrandom_settings;
__thread struct thread_record __getrandom_thread;

/* In a static program the loader's pointers are set up later than this: there the vDSO is asked. */
static vdso_getrandom *entry_point(void)
{
#ifdef HAVE_GETRANDOM_VSYSCALL
	if (GLRO(dl_vdso_getrandom))
		return (vdso_getrandom *)GLRO(dl_vdso_getrandom);
#endif
	return GLRO(dl_sysinfo_dso) ? vdso_find(GLRO(dl_sysinfo_dso), VDSO_SYMBOL, VDSO_VERSION) : NULL;
}

/* A copy of libc that dlmopen or LD_AUDIT loads may be unloaded again, and its states would stay: it makes system calls. */
void __getrandom_early_init(_Bool initial)
{
	uint64_t high = (uintptr_t)__builtin_frame_address(0) | (uintptr_t)GLRO(dl_sysinfo_dso);
	vdso_getrandom *entry = initial ? entry_point() : NULL;

	core.page_size = GLRO(dl_pagesize);
	if (!entry || !vdso_parameters(entry))
		return;
	if (slots_size() && !(core.states = platform_map(slots_size())))
		return;
	core.entry = entry;
	draw_start(high, chacha_permitted(CHACHA_VECTOR_AVX512, GLRO(dl_hwcap)));
}
