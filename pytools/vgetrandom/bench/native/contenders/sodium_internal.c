/* SPDX-License-Identifier: MIT */
/* libsodium, internal */
/* Its own generator in the process (XSalsa20 or ChaCha20), which a program has to choose. */
#include "sodium.h"

const char *contender_prepare(void)
{
	return prepare("randombytes_internal_implementation");
}
