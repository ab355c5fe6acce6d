/* SPDX-License-Identifier: MIT */
/*
 * Finds a function in the vDSO, an ELF shared object that the kernel maps into every process (vdso(7)).
 * Some images have only DT_GNU_HASH (aarch64 since 6.12), some only DT_HASH: either serves.
 */
#include "vdso.h"

#include <elf.h>
#include <stdbool.h>

struct image {
	uintptr_t bias;			/* what to add to an address in the image's tables */
	const Elf64_Sym *symbols;
	const char *strings;
	const vdso_hash_word *hash;
	const uint32_t *gnu_hash;
	const Elf64_Half *versions;	/* one version number a symbol */
	const Elf64_Verdef *definitions;
};

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* System V ABI, "Hash Table": the hash that a version definition carries. */
static uint32_t sysv_hash(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		uint32_t high;

		hash = (hash << 4) + (unsigned char)*name;
		high = hash & 0xf0000000;
		hash = (hash ^ (high >> 24)) & ~high;
	}
	return hash;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static bool has_version(const struct image *image, uint32_t symbol, const char *version)
{
	const Elf64_Verdef *definition = image->definitions;
	uint32_t hash = sysv_hash(version);

	if (!image->versions || !definition)
		return true;
	for (;;) {
		const Elf64_Verdaux *aux = (const void *)((const char *)definition + definition->vd_aux);

		if (!(definition->vd_flags & VER_FLG_BASE) &&
		    definition->vd_ndx == (image->versions[symbol] & 0x7fff) &&
		    definition->vd_hash == hash && same(image->strings + aux->vda_name, version))
			return true;
		if (!definition->vd_next)
			return false;
		definition = (const void *)((const char *)definition + definition->vd_next);
	}
}

static void *match(const struct image *image, uint32_t index, const char *name, const char *version)
{
	const Elf64_Sym *symbol = &image->symbols[index];

	if (symbol->st_shndx == SHN_UNDEF || !symbol->st_value ||
	    (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC && ELF64_ST_TYPE(symbol->st_info) != STT_NOTYPE) ||
	    !same(image->strings + symbol->st_name, name) || !has_version(image, index, version))
		return NULL;
	return (void *)(image->bias + symbol->st_value);
}

static void *find_by_gnu_hash(const struct image *image, const char *name, const char *version)
{
	uint32_t bucket_count = image->gnu_hash[0], first = image->gnu_hash[1], filter_words = image->gnu_hash[2];
	const uint32_t *buckets = image->gnu_hash + 4 + 2 * filter_words;	/* a filter word has 64 bits */
	const uint32_t *chain = buckets + bucket_count;
	uint32_t hash = gnu_hash(name), index, entry;

	if (!bucket_count)
		return NULL;
	index = buckets[hash % bucket_count];
	if (index < first)
		return NULL;
	do {
		void *found;

		entry = chain[index - first];
		if ((entry | 1) == (hash | 1) && (found = match(image, index, name, version)))
			return found;
		index++;
	} while (!(entry & 1));
	return NULL;
}

static void *find_by_hash(const struct image *image, const char *name, const char *version)
{
	vdso_hash_word bucket_count = image->hash[0], symbol_count = image->hash[1], index;
	const vdso_hash_word *buckets = image->hash + 2, *chain = buckets + bucket_count;

	if (!bucket_count)
		return NULL;
	for (index = buckets[sysv_hash(name) % bucket_count]; index && index < symbol_count; index = chain[index]) {
		void *found = match(image, (uint32_t)index, name, version);

		if (found)
			return found;
	}
	return NULL;
}

static bool read_tables(struct image *image, const Elf64_Dyn *dynamic)
{
	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		const void *table = (const void *)(image->bias + dynamic->d_un.d_ptr);

		switch (dynamic->d_tag) {
		case DT_SYMTAB:
			image->symbols = table;
			break;
		case DT_STRTAB:
			image->strings = table;
			break;
		case DT_HASH:
			image->hash = table;
			break;
		case DT_GNU_HASH:
			image->gnu_hash = table;
			break;
		case DT_VERSYM:
			image->versions = table;
			break;
		case DT_VERDEF:
			image->definitions = table;
			break;
		}
	}
	return image->symbols && image->strings;
}

void *vdso_find(const void *start, const char *name, const char *version)
{
	const Elf64_Ehdr *header = start;
	const Elf64_Phdr *segment = (const void *)((const char *)start + header->e_phoff);
	const Elf64_Dyn *dynamic = NULL;
	struct image image = {0};
	bool loaded = false;

	if (header->e_ident[EI_MAG0] != ELFMAG0 || header->e_ident[EI_MAG1] != ELFMAG1 ||
	    header->e_ident[EI_MAG2] != ELFMAG2 || header->e_ident[EI_MAG3] != ELFMAG3 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64)
		return NULL;
	for (int i = 0; i < header->e_phnum; i++, segment++) {
		if (segment->p_type == PT_LOAD && !loaded) {
			image.bias = (uintptr_t)start + segment->p_offset - segment->p_vaddr;
			loaded = true;
		} else if (segment->p_type == PT_DYNAMIC) {
			dynamic = (const void *)((const char *)start + segment->p_offset);
		}
	}
	if (!loaded || !dynamic || !read_tables(&image, dynamic))
		return NULL;
	if (image.gnu_hash)
		return find_by_gnu_hash(&image, name, version);
	return image.hash ? find_by_hash(&image, name, version) : NULL;
}
