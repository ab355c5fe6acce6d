/* SPDX-License-Identifier: MIT */
/*
 * Promise: the same after _Fork(), which runs no pthread_atfork handlers: nobody may rely on them.
 * Source: POSIX.1-2024, _Fork; glibc has it since 2.34.
 * Kind: promise
 */
#include "family.h"

int main(void)
{
	family_begin("parent and child of a _Fork draw different bytes", 1000000);
	if (!libc._Fork)
		skip_all("this libc has no _Fork");
	return family_case(libc._Fork, "_Fork");
}
