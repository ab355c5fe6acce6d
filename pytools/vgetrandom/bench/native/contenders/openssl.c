/* SPDX-License-Identifier: MIT */
/* OpenSSL RAND_bytes */
/* A generator in the process, AES-256 in counter mode by default, reseeded from the kernel now and then. */
#include "worker.h"

static int (*RAND_bytes)(unsigned char *buf, int size);
static const char *(*OpenSSL_version)(int what);

static void draw(void *buf, size_t size, long count)
{
	while (count--)
		if (RAND_bytes(buf, (int)size) != 1)
			give_up("RAND_bytes failed");
}

const char *contender_prepare(void)
{
	void *libcrypto = library("libcrypto.so.3");

	if (!libcrypto)
		return "libcrypto.so.3 is not installed (Debian: libssl3)";
	RAND_bytes = symbol(libcrypto, "RAND_bytes");
	OpenSSL_version = symbol(libcrypto, "OpenSSL_version");
	if (!RAND_bytes || !OpenSSL_version)
		return "libcrypto.so.3 has no RAND_bytes";
	version(OpenSSL_version(0));
	offer("RAND_bytes", draw, ANY_SIZE);
	return NULL;
}
