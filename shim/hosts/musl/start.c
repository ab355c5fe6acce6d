/* musl's start of core: by __init_libc, when thread-local storage is set up and no other thread is there. */
#include <elf.h>
#include <limits.h>
#include <sys/mman.h>

#include "libc.h"

#include "chacha/chacha.h"
#include "draw.h"
#include "vdso.h"

struct process_settings __random_settings;

hidden void __random_start(const size_t *aux)
{
	const void *image = (const void *)aux[AT_SYSINFO_EHDR];
	uint64_t high = aux[AT_RANDOM] | aux[AT_SYSINFO_EHDR];
	vdso_getrandom *entry;
	long states;

	core.page_size = libc.page_size;
	entry = image ? (vdso_getrandom *)vdso_find(image, VDSO_SYMBOL, VDSO_VERSION) : 0;
	if (!entry || !vdso_parameters(entry))
		return;
	states = __syscall(SYS_mmap, 0, slots_size(), core.mmap_prot, core.mmap_flags, -1, 0);
	if (states < 0 && states > -4096L)
		return;
	core.states = (void *)states;
	core.entry = entry;
	draw_start(high, chacha_permitted(CHACHA_VECTOR_AVX512, aux[AT_HWCAP]));
}
