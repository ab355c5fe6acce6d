/* SPDX-License-Identifier: MIT */
/*
 * All that this library takes from libc, and only where it is there: a Go program that is
 * position-independent has a loader and no libc. Pointers that the loader fills in, and not calls: before it
 * has relocated this library they are NULL (an IFUNC resolver of another library may call us so early), and
 * no architecture needs a procedure linkage table, which would stay writable.
 */
#ifndef IMPORTS_H
#define IMPORTS_H

#define imports vgetrandom_imports

struct imports {
	int *(*errno_location)(void);
	unsigned long (*getauxval)(unsigned long type);
	char ***environ;
};

extern const volatile struct imports imports __attribute__((visibility("hidden")));

#endif
