/* SPDX-License-Identifier: MIT */
/* musl's start of core: by __init_libc, when thread-local storage is set up and no other thread is there. */
#include "chacha/chacha.h"
#include "draw.h"
#include "vdso.h"

#include <elf.h>

struct process_settings __random_settings;

_Static_assert(sizeof(struct thread_record) <= sizeof(((struct pthread *)0)->random), "a larger record");

hidden void __random_start(const size_t *aux)
{
	const void *image = (const void *)aux[AT_SYSINFO_EHDR];
	vdso_getrandom *entry;

	core.page_size = libc.page_size;
	entry = image ? (vdso_getrandom *)vdso_find(image, VDSO_SYMBOL, VDSO_VERSION) : 0;
	if (!entry || !vdso_parameters(entry))
		return;
	if (slots_size() && !(core.states = platform_map(slots_size())))
		return;
	core.entry = entry;
	draw_start(aux[AT_RANDOM] | aux[AT_SYSINFO_EHDR], chacha_permitted(CHACHA_VECTOR_AVX512, aux[AT_HWCAP]));
}
