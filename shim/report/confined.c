/* SPDX-License-Identifier: MIT */
#include "confined.h"

#include <linux/prctl.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "loaded.h"

bool confined;

/* Variadic elsewhere; its arguments are in the same registers. What the caller left out is handed on as it is. */
__attribute__((visibility("default")))
int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	if (option == PR_SET_SECCOMP || (option == PR_SET_NO_NEW_PRIVS && a == 1))
		confined = true;
	if (loaded.next_prctl)
		return loaded.next_prctl(option, a, b, c, d);
	return (int)raw_syscall(SYS_prctl, option, (long)a, (long)b, (long)c, (long)d, 0);
}
