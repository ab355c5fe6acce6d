/* SPDX-License-Identifier: MIT */
/*
 * Expands a key by one of the library's ChaCha20 implementations and compares with a keystream from elsewhere:
 * every length up to 4,300 bytes and some long ones, each at several alignments; nothing beside the output may
 * change, and the key must be gone.
 *
 * Usage: chacha_stream VECTOR KEY FILE	KEY in hex, FILE with the keystream; VECTOR as in enum vgetrandom_vector
 * Exit status: 0, 1 with a line that says what differs, 77 when this processor has no such vectors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "../../shim/core/chacha/chacha.h"

#define EVERY 4300
#define MARGIN 64

static unsigned char *room, *stream;
static size_t available;

static void fail(const char *what, size_t len, size_t alignment)
{
	printf("%s: %zu bytes at alignment %zu\n", what, len, alignment);
	exit(1);
}

static void try(chacha_expand *expand, const unsigned char *key, size_t len, size_t alignment)
{
	unsigned char copy[CHACHA_KEY] __attribute__((aligned(8))), *out = room + MARGIN + alignment;
	static const unsigned char zeros[CHACHA_KEY];

	memcpy(copy, key, sizeof(copy));
	memset(room, 0xa5, len + alignment + 2 * MARGIN);
	expand(out, len, copy);
	if (memcmp(out, stream, len))
		fail("another keystream", len, alignment);
	for (size_t i = 0; i < MARGIN; i++)
		if (out[-1 - (long)i] != 0xa5 || out[len + i] != 0xa5)
			fail("bytes beside it changed", len, alignment);
	if (memcmp(copy, zeros, sizeof(copy)))
		fail("the key is still there", len, alignment);
}

static void read_stream(const char *path)
{
	FILE *file = fopen(path, "r");
	const size_t most = 4 << 20;

	stream = malloc(most);
	room = malloc(most + 3 * MARGIN);
	if (!file || !stream || !room)
		exit(2);
	available = fread(stream, 1, most, file);
	fclose(file);
}

int main(int argc, char **argv)
{
	static const size_t large[] = { 65535, 65536, 65537, 1000003, (1 << 20) + 1023 };
	unsigned char key[CHACHA_KEY];
	uint32_t vector = argc == 4 ? (uint32_t)atoi(argv[1]) : 0;
	uint32_t most = chacha_permitted(vector, getauxval(AT_HWCAP));
	chacha_expand *expand = most ? chacha_for(1 << 20, most) : NULL;

	if (chacha_vector != vector || !expand)
		return 77;
	for (int i = 0; i < CHACHA_KEY; i++)
		sscanf(argv[2] + 2 * i, "%2hhx", &key[i]);
	read_stream(argv[3]);
	for (size_t len = 0; len <= EVERY && len <= available; len++)
		for (size_t alignment = 0; alignment < 64; alignment += len <= 300 ? 1 : 13)
			try(expand, key, len, alignment);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]) && large[i] <= available; i++)
		for (size_t alignment = 0; alignment < 64; alignment += 21)
			try(expand, key, large[i], alignment);
	return 0;
}
