/* SPDX-License-Identifier: MIT */
/* Draws once, then prints how much private memory this process has written to, in kilobytes. */
#include "tap.h"
#include "memory.h"

#include <sys/random.h>

int main(void)
{
	char byte;

	if (getrandom(&byte, 1, 0) != 1)
		return 1;
	printf("%ld\n", proc_number("/proc/self/smaps_rollup", "Private_Dirty:"));
	return 0;
}
