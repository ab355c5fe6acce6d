/* SPDX-License-Identifier: MIT */
/*
 * dlsym() is in another library before glibc 2.34, and finds one copy of a name only. dl_iterate_phdr(3) is in every
 * libc: it shows the objects in the order in which the loader searches them.
 */
#include "loaded.h"

#include <elf.h>
#include <link.h>

#include "arch/arch.h"

#define NAME_RECORD "vgetrandom_process"
#define NAME_EXIT "_exit"
#define NAME_PRCTL "prctl"

__attribute__((weak)) int dl_iterate_phdr(int (*each)(struct dl_phdr_info *, size_t, void *), void *argument);

extern HIDDEN const ElfW(Ehdr) __ehdr_start;

struct object {
	uintptr_t base;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *gnu_hash;
	const vdso_hash_word *hash;
};

struct loaded loaded;
static bool behind_us;

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static const void *defined(const struct object *object, uint32_t index, const char *name, unsigned char type)
{
	const ElfW(Sym) *symbol = &object->symbols[index];

	if (symbol->st_shndx == SHN_UNDEF || (symbol->st_info & 15) != type || !same(object->strings + symbol->st_name, name))
		return NULL;
	return (const void *)(object->base + symbol->st_value);
}

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t hash = 5381;

	while (*name)
		hash = hash * 33 + (unsigned char)*name++;
	return hash;
}

static const void *find_by_gnu_hash(const struct object *object, const char *name, unsigned char type)
{
	const uint32_t *table = object->gnu_hash, *buckets = table + 4 + 2 * table[2], *chain = buckets + table[0];
	uint32_t hash = gnu_hash_of(name), first = table[1], index = table[0] ? buckets[hash % table[0]] : 0, entry;

	if (index < first || !index)
		return NULL;
	do {
		const void *address;

		entry = chain[index - first];
		if ((entry | 1) == (hash | 1) && (address = defined(object, index, name, type)))
			return address;
		index++;
	} while (!(entry & 1));
	return NULL;
}

/* One name after the other: the table's second word is their number. */
static const void *find_by_hash(const struct object *object, const char *name, unsigned char type)
{
	for (uint32_t index = 1; index < object->hash[1]; index++) {
		const void *address = defined(object, index, name, type);

		if (address)
			return address;
	}
	return NULL;
}

static const void *find(const struct object *object, const char *name, unsigned char type)
{
	if (!object->symbols || !object->strings)
		return NULL;
	if (object->gnu_hash)
		return find_by_gnu_hash(object, name, type);
	return object->hash ? find_by_hash(object, name, type) : NULL;
}

/* glibc relocates the addresses in most dynamic sections, musl leaves all as they are in the file. */
static const void *table_at(const struct object *object, ElfW(Addr) address)
{
	return (const void *)(address >= object->base ? address : object->base + address);
}

static void read_dynamic(struct object *object, const ElfW(Dyn) *dynamic)
{
	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_SYMTAB)
			object->symbols = table_at(object, dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_STRTAB)
			object->strings = table_at(object, dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_GNU_HASH)
			object->gnu_hash = table_at(object, dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_HASH)
			object->hash = table_at(object, dynamic->d_un.d_ptr);
	}
}

static void find_next(const struct object *object)
{
	if (!loaded.next_exit)
		loaded.next_exit = (void (*)(int))(uintptr_t)find(object, NAME_EXIT, STT_FUNC);
	if (!loaded.next_prctl)
		loaded.next_prctl = (int (*)(int, ...))(uintptr_t)find(object, NAME_PRCTL, STT_FUNC);
}

static int look(struct dl_phdr_info *info, size_t size, void *unused)
{
	struct object object = { .base = info->dlpi_addr };
	const struct vgetrandom_process *record;

	(void)size;
	(void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			read_dynamic(&object, (const void *)(object.base + info->dlpi_phdr[i].p_vaddr));
	record = find(&object, NAME_RECORD, STT_OBJECT);
	if (record && loaded.copies++ == 0)
		loaded.record = record;
	if (object.base == (uintptr_t)&__ehdr_start)
		behind_us = true;
	else if (behind_us)
		find_next(&object);
	return 0;
}

void loaded_find(void)
{
	if (dl_iterate_phdr)
		dl_iterate_phdr(look, NULL);
}
