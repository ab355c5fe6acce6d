/* SPDX-License-Identifier: MIT */
/* An image like a vDSO: enough functions for several hash chains, two of one name, and things that are no function. */

#define FUNCTION(name) \
	int name(void); \
	int name(void) { return __LINE__; }

FUNCTION(vdso_one)
FUNCTION(vdso_two)
FUNCTION(vdso_three)
FUNCTION(vdso_four)
FUNCTION(vdso_five)
FUNCTION(vdso_Ab)	/* these two have the same GNU hash */
FUNCTION(vdso_BA)
FUNCTION(vdso_getrandom)
FUNCTION(twice_old)
FUNCTION(twice_new)

__asm__(".symver twice_old, vdso_twice@VERSION_1");
__asm__(".symver twice_new, vdso_twice@@VERSION_2");

const int vdso_constant = 7;
