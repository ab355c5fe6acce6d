/* SPDX-License-Identifier: MIT */
/*
 * Linked with the library, for in a set-uid program nothing is preloaded. Prints whether the process is AT_SECURE
 * and what the library's status is, where its states are and whether large requests have vectors.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <vgetrandom.h>

int main(void)
{
	const struct vgetrandom_process *record = dlsym(RTLD_DEFAULT, "vgetrandom_process");
	char byte;

	if (!record || vgetrandom(&byte, 1, 0) != 1)
		return 1;
	printf("secure %lu status %u memory %u bulk %d\n", getauxval(AT_SECURE), record->status,
	       record->memory, record->most_vector != 0);
	return 0;
}
