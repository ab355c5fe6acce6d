/* SPDX-License-Identifier: MIT */
/*
 * A library that calls another's IFUNC. The loader relocates from the last library to the first: loaded after the
 * shim, this one has the resolver run while the shim is not relocated yet.
 */
#include <stdlib.h>

int ifunc_chosen(void);
extern long ifunc_draw;

__attribute__((constructor)) static void call(void)
{
	/* A draw so early may succeed or fail, but it must say which. */
	if (ifunc_chosen() != 1 || (ifunc_draw != 32 && ifunc_draw != -1))
		abort();
}
