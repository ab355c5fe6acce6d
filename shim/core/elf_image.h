/* SPDX-License-Identifier: MIT */
/* What vdso.c reads of a 64-bit ELF image: elf(5), System V ABI chapters 4 and 5, and gABI symbol versioning. */
#ifndef CORE_ELF_IMAGE_H
#define CORE_ELF_IMAGE_H

#include <stdint.h>

struct elf_header {
	unsigned char ident[16];	/* 0x7f, 'E', 'L', 'F', class */
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, program_headers, section_headers;
	uint32_t flags;
	uint16_t header_size, program_header_size, program_header_count;
	uint16_t section_header_size, section_header_count, section_names;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, address, physical, file_size, memory_size, align;
};

struct elf_dynamic {
	int64_t tag;
	uint64_t value;
};

struct elf_symbol {
	uint32_t name;
	unsigned char info, other;
	uint16_t section;
	uint64_t value, size;
};

struct elf_version_definition {
	uint16_t revision, flags, number, aux_count;
	uint32_t hash, aux, next;	/* aux, next: bytes from here */
};

struct elf_version_name {
	uint32_t name, next;
};

enum {
	ELF_CLASS = 4, ELF_CLASS_64 = 2,
	ELF_SEGMENT_LOAD = 1, ELF_SEGMENT_DYNAMIC = 2, ELF_SEGMENT_WRITABLE = 2,
	ELF_DYNAMIC_END = 0, ELF_HASH = 4, ELF_STRINGS = 5, ELF_SYMBOLS = 6,
	ELF_GNU_HASH = 0x6ffffef5, ELF_VERSIONS = 0x6ffffff0, ELF_VERSION_DEFINITIONS = 0x6ffffffc,
	ELF_SYMBOL_UNTYPED = 0, ELF_SYMBOL_FUNCTION = 2,
	ELF_VERSION_BASE = 1, ELF_VERSION_MASK = 0x7fff,
};

#endif
