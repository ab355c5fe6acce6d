/* SPDX-License-Identifier: MIT */
/* A library that ends the process by _exit when it is its turn to be unloaded, after others have been. */
#include <unistd.h>

__attribute__((destructor)) static void unload(void)
{
	_exit(9);
}
