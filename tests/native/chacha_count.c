/* SPDX-License-Identifier: MIT */
/*
 * Work to be counted from outside, by an emulator that counts instructions: TIMES expansions of BYTES bytes, or as many draws
 * from a vDSO's getrandom.
 *
 * Usage: chacha_count VECTOR BYTES TIMES	as in enum vgetrandom_vector
 *	chacha_count IMAGE SYMBOL BYTES TIMES	IMAGE is a file with a vDSO; nothing is called but SYMBOL
 * Exit status: 0, 1 when a draw fails, 2 for an image that can't be used, 77 when this processor has no such vectors
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "../../shim/core/chacha/chacha.h"

#define MOST (1 << 20)
#define STATE 144	/* struct vgetrandom_state in include/vdso/getrandom.h: its last 16 bytes have position and busy mark */
#define POSITION 136
#define BATCH 96
#define ROOM (1 << 20)	/* bytes before the image and behind it: the data that the kernel maps beside its vDSO */

static unsigned char output[MOST];

static int expand(uint32_t vector, size_t bytes, long times)
{
	const uint32_t most = chacha_permitted(vector, getauxval(AT_HWCAP));
	chacha_expand *with = most ? chacha_for(MOST, most) : NULL;

	if (!with || chacha_vector != vector)
		return 77;
	while (times--) {
		unsigned char key[CHACHA_KEY] __attribute__((aligned(16))) = { 1, 2, 3 };

		with(output, bytes, key);
	}
	return 0;
}

/* The address of a function in the image, or NULL. */
static vdso_getrandom *find(const unsigned char *image, const char *name)
{
	const Elf64_Ehdr *header = (const void *)image;
	const Elf64_Shdr *sections = (const void *)(image + header->e_shoff);

	for (int i = 0; i < header->e_shnum; i++) {
		const Elf64_Sym *symbols = (const void *)(image + sections[i].sh_offset);
		const char *strings = (const char *)image + sections[sections[i].sh_link].sh_offset;

		if (sections[i].sh_type != SHT_DYNSYM)
			continue;
		for (size_t j = 0; j < sections[i].sh_size / sizeof(*symbols); j++)
			if (!strcmp(strings + symbols[j].st_name, name))
				return (vdso_getrandom *)(uintptr_t)(image + symbols[j].st_value);
	}
	return NULL;
}

/*
 * All that may be the kernel's data is ones, byte by byte: its generator is ready, and its generation never changes. The state
 * has that generation, and nothing left of its batch, so that nothing is asked of the kernel.
 */
static int draw(const char *path, const char *name, size_t bytes, long times)
{
	unsigned char *memory = mmap(NULL, 3 * ROOM, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static unsigned char state[4096] __attribute__((aligned(64)));
	unsigned char *image = (unsigned char *)(((uintptr_t)memory + 2 * ROOM) & ~((uintptr_t)ROOM - 1));
	FILE *file = fopen(path, "r");
	vdso_getrandom *entry;

	if (memory == MAP_FAILED || !file)
		return 2;
	memset(memory, 1, 3 * ROOM);
	if (!fread(image, 1, ROOM / 2, file))
		return 2;
	__builtin___clear_cache((char *)image, (char *)image + ROOM);
	entry = find(image, name);
	if (!entry)
		return 2;
	memset(state, 1, POSITION);
	state[POSITION] = BATCH;
	while (times--)
		if (arch_vdso_call(entry, output, bytes, 0, state, STATE) != (long)bytes)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4)
		return expand((uint32_t)atoi(argv[1]), (size_t)atol(argv[2]), atol(argv[3]));
	return argc == 5 ? draw(argv[1], argv[2], (size_t)atol(argv[3]), atol(argv[4])) : 2;
}
