/* SPDX-License-Identifier: MIT */
/*
 * All that this library takes from libc. Each pointer is NULL where there is no such function: a Go program that
 * is position-independent has a loader and no libc. The loader fills the pointers in. They are NULL until it has
 * relocated this library, as an IFUNC resolver of another library may call it even earlier. Calls instead of
 * pointers would need a procedure linkage table, which would stay writable.
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
