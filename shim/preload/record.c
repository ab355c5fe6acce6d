/* SPDX-License-Identifier: MIT */
/*
 * The process record and its protection. What must stay true: its layout is the public one, and nothing that
 * the program writes lies in a page that is made read-only.
 */
#include "core.h"
#include "elf_image.h"
#include "slots.h"

#include "export.h"
#include "syscalls.h"
#include "vgetrandom.h"

#define SAME(mine, public) \
	_Static_assert(offsetof(struct record, mine) == offsetof(struct vgetrandom_process, public), #public)
SAME(magic, magic);
SAME(memory, memory);
SAME(release, release);
SAME(settings.entry, entry);
SAME(settings.states, states);
SAME(settings.state_size, state_size);
SAME(settings.mmap_flags, mmap_flags);
SAME(settings.most_vector, most_vector);
SAME(settings.first, first);
SAME(slot, slot);
SAME(slots, slots);
_Static_assert(sizeof(struct slot) == sizeof(struct vgetrandom_slot), "slot");
_Static_assert(sizeof(struct tail) == sizeof(struct vgetrandom_tail), "tail");
_Static_assert(sizeof(struct record) == sizeof(struct vgetrandom_process), "size");

#ifdef STATIC_ARCHIVE

/* It has pages of its own: the program's other data lies around it. */
union page {
	struct record record;
	char page[PAGE_MAX];
};
union page record_page __asm__("vgetrandom_record") __attribute__((aligned(PAGE_MAX)));
extern EXPORT union page exported_record __asm__("vgetrandom_process") __attribute__((alias("vgetrandom_record")));

bool record_protect(void)
{
	return sys_mprotect(&record_page, sizeof(record_page), PROT_READ) == 0;
}

#else

/*
 * The record lies in one page with what the loader relocates, so load writes one page and makes one mprotect. With
 * PT_GNU_RELRO and a page for the record it would be two of each. So the library is linked without PT_GNU_RELRO,
 * and does here what that would. All else that is ever written is in .bss, which begins at a page of its own.
 */
struct record vgetrandom_record __attribute__((section(".data.rel.ro"), aligned(64)));
extern EXPORT struct record exported_record __asm__("vgetrandom_process") __attribute__((alias("vgetrandom_record")));
static char bss_begins_a_page[1] __attribute__((used, aligned(PAGE_MAX)));

extern HIDDEN const struct elf_header __ehdr_start;

bool record_protect(void)
{
	const unsigned char *image = (const unsigned char *)&__ehdr_start;
	const struct elf_segment *segment = (const void *)(image + __ehdr_start.program_headers);
	const uint64_t mask = core.page_size - 1;

	for (int i = 0; i < __ehdr_start.program_header_count; i++, segment++) {
		uint64_t begin = segment->address & ~mask, end = (segment->address + segment->file_size + mask) & ~mask;

		if (segment->type == ELF_SEGMENT_LOAD && segment->flags & ELF_SEGMENT_WRITABLE &&
		    sys_mprotect(image + begin, end - begin, PROT_READ))
			return false;
	}
	return true;
}

#endif
