/* SPDX-License-Identifier: MIT */
/* libsodium's randombytes_buf, with the implementation that the including file names. */
#include "worker.h"

static void (*randombytes_buf)(void *buf, size_t size);

static void draw(void *buf, size_t size, long count)
{
	while (count--)
		randombytes_buf(buf, size);
}

/* `implementation`: NULL for what libsodium takes by itself. */
static const char *prepare(const char *implementation)
{
	void *sodium = library("libsodium.so.23");
	int (*choose)(void *), (*init)(void);
	const char *(*version_string)(void);

	if (!sodium)
		return "libsodium.so.23 is not installed (Debian: libsodium23)";
	randombytes_buf = symbol(sodium, "randombytes_buf");
	choose = symbol(sodium, "randombytes_set_implementation");
	init = symbol(sodium, "sodium_init");
	version_string = symbol(sodium, "sodium_version_string");
	if (!randombytes_buf || !choose || !init || !version_string)
		return "libsodium.so.23 lacks a function";
	if (implementation && (!symbol(sodium, implementation) || choose(symbol(sodium, implementation))))
		return "libsodium.so.23 lacks this generator";
	if (init() < 0)
		return "libsodium can't be initialised";
	version(version_string());
	offer("randombytes_buf", draw, ANY_SIZE);
	return NULL;
}
