/* SPDX-License-Identifier: MIT */
/*
 * Draws DRAWS times as any program does, and says where it is. The exit report (VGETRANDOM_REPORT=fd:1) then tells
 * whether the draws were served by the vDSO.
 */
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <unistd.h>

#define DRAWS	1000

int main(void)
{
	unsigned char bytes[16];

	for (int i = 0; i < DRAWS; i++)
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			return 1;
	printf("page_size=%ld\n", sysconf(_SC_PAGESIZE));
	printf("vdso=%s\n", getauxval(AT_SYSINFO_EHDR) ? "present" : "absent");
	printf("draws=%d\n", DRAWS);
	return 0;
}
