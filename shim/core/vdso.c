/* SPDX-License-Identifier: MIT */
/*
 * Finds a function in the vDSO, an ELF shared object that the kernel maps into every process (vdso(7)).
 * Some images have only DT_GNU_HASH (aarch64 since 6.12), some only DT_HASH: either serves.
 */
#include "vdso.h"

#include "elf_image.h"
#include "slots.h"

#define CACHE_LINE 64

struct image {
	uintptr_t bias;			/* what to add to an address in the image's tables */
	const struct elf_symbol *symbols;
	const char *strings;
	const vdso_hash_word *hash;
	const uint32_t *gnu_hash;
	const uint16_t *versions;	/* one version number a symbol */
	const struct elf_version_definition *definitions;
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
	const struct elf_version_definition *definition = image->definitions;
	uint32_t hash = sysv_hash(version);

	if (!image->versions || !definition)
		return true;
	for (;;) {
		const struct elf_version_name *aux = (const void *)((const char *)definition + definition->aux);

		if (!(definition->flags & ELF_VERSION_BASE) &&
		    definition->number == (image->versions[symbol] & ELF_VERSION_MASK) &&
		    definition->hash == hash && same(image->strings + aux->name, version))
			return true;
		if (!definition->next)
			return false;
		definition = (const void *)((const char *)definition + definition->next);
	}
}

static void *match(const struct image *image, uint32_t index, const char *name, const char *version)
{
	const struct elf_symbol *symbol = &image->symbols[index];

	unsigned char type = symbol->info & 15;

	if (!symbol->section || !symbol->value || (type != ELF_SYMBOL_FUNCTION && type != ELF_SYMBOL_UNTYPED) ||
	    !same(image->strings + symbol->name, name) || !has_version(image, index, version))
		return NULL;
	return (void *)(image->bias + symbol->value);
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

static bool read_tables(struct image *image, const struct elf_dynamic *dynamic)
{
	for (; dynamic->tag != ELF_DYNAMIC_END; dynamic++) {
		const void *table = (const void *)(image->bias + dynamic->value);

		switch (dynamic->tag) {
		case ELF_SYMBOLS:
			image->symbols = table;
			break;
		case ELF_STRINGS:
			image->strings = table;
			break;
		case ELF_HASH:
			image->hash = table;
			break;
		case ELF_GNU_HASH:
			image->gnu_hash = table;
			break;
		case ELF_VERSIONS:
			image->versions = table;
			break;
		case ELF_VERSION_DEFINITIONS:
			image->definitions = table;
			break;
		}
	}
	return image->symbols && image->strings;
}

void *vdso_find(const void *start, const char *name, const char *version)
{
	const struct elf_header *header = start;
	const struct elf_segment *segment = (const void *)((const char *)start + header->program_headers);
	const struct elf_dynamic *dynamic = NULL;
	struct image image = {0};
	bool loaded = false;

	if (header->ident[0] != 0x7f || header->ident[1] != 'E' || header->ident[2] != 'L' || header->ident[3] != 'F' ||
	    header->ident[ELF_CLASS] != ELF_CLASS_64)
		return NULL;
	for (int i = 0; i < header->program_header_count; i++, segment++) {
		if (segment->type == ELF_SEGMENT_LOAD && !loaded) {
			image.bias = (uintptr_t)start + segment->offset - segment->address;
			loaded = true;
		} else if (segment->type == ELF_SEGMENT_DYNAMIC) {
			dynamic = (const void *)((const char *)start + segment->offset);
		}
	}
	if (!loaded || !dynamic || !read_tables(&image, dynamic))
		return NULL;
	if (image.gnu_hash)
		return find_by_gnu_hash(&image, name, version);
	return image.hash ? find_by_hash(&image, name, version) : NULL;
}

/* What the vDSO answers when asked for its parameters (include/uapi/linux/random.h). */
struct opaque_params {
	uint32_t size_of_opaque_state, mmap_prot, mmap_flags, reserved[13];
};

bool vdso_parameters(vdso_getrandom *entry)
{
	struct opaque_params params = { 0 };
	uint32_t stride;

	if (arch_vdso_call(entry, NULL, 0, 0, &params, ~(size_t)0) != 0)
		return false;
	/* A tail of words lies behind each state, and the two in one page. */
	if (!params.size_of_opaque_state || params.size_of_opaque_state % sizeof(uint64_t) ||
	    params.size_of_opaque_state > core.page_size - sizeof(struct tail))
		return false;
	stride = params.size_of_opaque_state + (uint32_t)sizeof(struct tail) + CACHE_LINE - 1;
	core.state_size = params.size_of_opaque_state;
	core.state_stride = stride / CACHE_LINE * CACHE_LINE;
	core.mmap_prot = params.mmap_prot;
	core.mmap_flags = params.mmap_flags;
	return true;
}
