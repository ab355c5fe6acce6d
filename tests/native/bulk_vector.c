/* SPDX-License-Identifier: MIT */
/* Prints which vectors the preloaded library has chosen (enum vgetrandom_vector), before and after draws of many lengths. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/random.h>

#include <vgetrandom.h>

int main(void)
{
	static unsigned char bytes[100000];
	const struct vgetrandom_process *record = dlsym(RTLD_DEFAULT, "vgetrandom_process");
	const volatile uint32_t *vector = (const uint32_t *)(uintptr_t)record->vector;

	for (int i = 0; i < 100; i++)
		if (getrandom(bytes, 32, 0) != 32)
			return 1;
	printf("%u ", *vector);
	for (size_t length = 1; length <= sizeof(bytes); length *= 10)
		if (getrandom(bytes, length, 0) != (ssize_t)length)
			return 1;
	printf("%u\n", *vector);
	return 0;
}
