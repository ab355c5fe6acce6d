/* SPDX-License-Identifier: MIT */
/*
 * opens_speed HELPER OFFSET: opens vdso_speed.so as the interpreter of a host does, and prints the nanoseconds that the
 * system call and this libc take for 16 bytes; "-1" for what is not to be had.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	uint32_t asked[4];
	double times[4];
	void *helper = argc > 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	int (*speed)(unsigned long, size_t, uint32_t *, double *);

	if (!helper) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&speed = dlsym(helper, "vdso_speed");
	if (!speed || speed(strtoul(argv[2], NULL, 16), 16, asked, times))
		return 1;
	printf("%.1f %.1f\n", times[1], times[2]);
	return 0;
}
