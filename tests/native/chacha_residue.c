/* SPDX-License-Identifier: MIT */
/*
 * An expansion leaves nothing of its key in registers or on the stack, and in every register what is its caller's.
 *
 * It runs in a thread whose stack is known and was painted. Then every word of the key is looked for, and of what
 * the first quarter rounds make of it, which tells the key as well, in either byte order.
 *
 * Usage: chacha_residue VECTOR	as in enum vgetrandom_vector; prints the stack that it took, in bytes
 * Exit status: 0, 1 with a line that says what is left, 77 when this processor has no such vectors
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "../../shim/core/chacha/chacha.h"
#include "chacha.h"
#include "registers.h"

#define STACK (192 << 10)
#define PAINT 0x5a5a5a5a5a5a5a5a
#define OWN_FRAME 256	/* bytes; more than paint() takes */
#define MOST 70000
#define SECRETS 20	/* words of the key, and those that have no counter in them after the first quarter rounds */

const unsigned char vector_paint[16] __attribute__((aligned(16))) = {
	[0 ... 15] = VECTOR_PAINT,
};

static const unsigned char key[CHACHA_KEY] = {
	0x9d, 0x1c, 0x2b, 0x3a, 0x8e, 0x4f, 0x50, 0x61, 0x7a, 0x82, 0x93, 0x04, 0xb5, 0xc6, 0xd7, 0xe8,
	0xf9, 0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93, 0xa4, 0xb5, 0xc6, 0xd7, 0xf9,
};

static unsigned char stack[STACK] __attribute__((aligned(65536))), output[MOST];
static unsigned char copy[CHACHA_KEY] __attribute__((aligned(16)));
static uint32_t secrets[2 * SECRETS];
static struct saved saved;
static uint64_t left[STACK / sizeof(uint64_t)];	/* what an expansion leaves on the stack, from the lowest on */
static chacha_expand *expand;
static size_t length, depth, deepest;

static void make_secrets(void)
{
	uint32_t block[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	int n = 0;

	for (int i = 0; i < 8; i++)
		secrets[n++] = block[4 + i] = key[4 * i] | (uint32_t)key[4 * i + 1] << 8 | (uint32_t)key[4 * i + 2] << 16 | (uint32_t)key[4 * i + 3] << 24;
	for (int i = 1; i < 4; i++) {
		chacha_quarter(block, i, 4 + i, 8 + i, 12 + i);
		for (int j = i; j < 16; j += 4)
			secrets[n++] = block[j];
	}
	for (int i = 0; i < SECRETS; i++)
		secrets[n++] = __builtin_bswap32(secrets[i]);
}

static void look_for_key(const char *where, const void *start, size_t size)
{
	const unsigned char *from = start;

	for (size_t i = 0; i + 4 <= size; i++)
		for (int secret = 0; (from[i] || from[i + 1]) && secret < 2 * SECRETS; secret++)
			if (!memcmp(from + i, &secrets[secret], 4)) {
				printf("secret word %d is left in %s at %zu after %zu bytes\n", secret % SECRETS, where, i, length);
				exit(1);
			}
}

static void look_at_vectors(void)
{
	for (int i = 0; i < REGISTERS; i++)
		for (int byte = 0; byte < 16; byte++) {
			const unsigned char now = saved.vector[i][byte];

			if (now == VECTOR_PAINT || (!now && !KEPT(i, byte)))
				continue;
			printf("byte %d of vector register %d is %02x after %zu bytes\n", byte, i, now, length);
			exit(1);
		}
}

/* The stack below whoever calls this, but for what this needs itself. */
static __attribute__((noinline)) void paint(void)
{
	const volatile uint64_t *end = (const uint64_t *)((uintptr_t)__builtin_frame_address(0) - OWN_FRAME);

	for (volatile uint64_t *word = (uint64_t *)stack; word < end; word++)
		*word = PAINT;
}

/* A thread's start and its end write to the stack, too: it is painted just before the expansion, and read just behind. */
static void *on_the_stack(void *argument)
{
	const volatile uint64_t *lowest = (const uint64_t *)stack, *called_at = __builtin_frame_address(0);
	size_t words = 0;

	paint();
	call_and_save(expand, output, length, copy, &saved);
	while (lowest < called_at && *lowest == PAINT)
		lowest++;
	while (lowest < called_at)
		left[words++] = *lowest++;
	depth = words * sizeof(uint64_t);
	return argument;
}

static void try(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	memset(&saved, 0, sizeof(saved));
	memcpy(copy, key, sizeof(copy));
	if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, sizeof(stack)) ||
	    pthread_create(&thread, &attributes, on_the_stack, NULL) || pthread_join(thread, NULL))
		exit(2);
	look_for_key("the stack", left, depth);
	look_for_key("vector registers", saved.vector, sizeof(saved.vector));
	look_for_key("general registers", saved.general, sizeof(saved.general));
	look_for_key("the key's place", copy, sizeof(copy));
	look_at_vectors();
	if (deepest < depth)
		deepest = depth;
}

int main(int argc, char **argv)
{
	const uint32_t vector = argc == 2 ? (uint32_t)atoi(argv[1]) : 0;
	const uint32_t most = chacha_permitted(vector, getauxval(AT_HWCAP));

	expand = most ? chacha_for(MOST, most) : NULL;
	if (!expand || chacha_vector != vector)
		return 77;
	make_secrets();
	for (length = 1; length <= MOST; length += length < 600 ? 7 : length)
		try();
	printf("%zu\n", deepest);
	return 0;
}
