/* SPDX-License-Identifier: MIT */
/* libsodium, default */
/* Calls syscall(SYS_getrandom) or getrandom() for each draw. */
#include "sodium.h"

const char *contender_prepare(void)
{
	return prepare(NULL);
}
