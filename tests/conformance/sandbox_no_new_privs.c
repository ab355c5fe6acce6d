/* SPDX-License-Identifier: MIT */
/*
 * A process and its threads draw before and after no_new_privs and after dropping to another user.
 *
 * Source: prctl(2), PR_SET_NO_NEW_PRIVS; setresuid(2); getrandom(2) needs no privilege
 * Kind: promise
 */
#include "sandbox.h"

#include <pthread.h>

static struct draws *draws;

static void *body(void *who)
{
	expect(sandbox_draws(draws, (uintptr_t)who), "draws of %u", (unsigned int)(uintptr_t)who);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	unsigned int i;

	case_begin("draws without privileges", 10);
	libc_needs(getrandom);
	draws = draws_new(4096);
	body((void *)1);
	check(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	body((void *)2);
	for (i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, body, (void *)(uintptr_t)(3 + i));
		pthread_join(thread, NULL);
		if (!i && geteuid() == 0)
			check(!setgid(65534) && !setuid(65534), "another user");
	}
	body((void *)5);
	outputs_distinct(draws, "without privileges");
	return case_end();
}
