/* SPDX-License-Identifier: MIT */
/*
 * Memory that the kernel may drop is also wiped in forked children, left out of core dumps, never locked and never
 * executable.
 *
 * Source: mmap(2), MAP_DROPPABLE; mm/mmap.c: VM_DROPPABLE comes with VM_WIPEONFORK and VM_DONTDUMP; proc_pid_smaps(5)
 * Kind: quality
 */
#include "tap.h"
#include "libc.h"
#include "warm.h"

#include <pthread.h>

static void *body(void *unused)
{
	warm_thread();
	usleep(50000);
	return unused;
}

int main(void)
{
	struct mapping found[64];
	pthread_t threads[64];
	unsigned int count, i;

	case_begin("smaps flags of droppable memory", 10);
	libc_needs(getrandom);
	for (i = 0; i < 64; i++)
		pthread_create(&threads[i], NULL, body, NULL);
	body(NULL);
	count = mappings_find("self", "dp", found, 64);
	for (i = 0; i < 64; i++)
		pthread_join(threads[i], NULL);
	if (!count)
		skip_all("this process has no droppable memory after %d draws of each thread", WARM_DRAWS);
	fact("droppable-mappings", "%u", count);
	for (i = 0; i < count; i++) {
		const char *flags = found[i].flags;

		check(mapping_has(&found[i], "wf"), "wiped on fork:%.100s", flags);
		check(mapping_has(&found[i], "dd"), "not dumped:%.100s", flags);
		check(!mapping_has(&found[i], "lo"), "not locked:%.100s", flags);
		check(!mapping_has(&found[i], "ex") && !mapping_has(&found[i], "sh"), "private, not executable:%.100s", flags);
	}
	return case_end();
}
