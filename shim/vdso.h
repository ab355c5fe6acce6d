/* SPDX-License-Identifier: MIT */
#ifndef VDSO_H
#define VDSO_H

#include <stdint.h>

#include "arch/arch.h"
#include "names.h"

/*
 * The address of the function `name` with version `version` in the vDSO image that begins at `image`,
 * or NULL. Reads the image only; never trusts it to hold what it should not lack.
 */
void *vdso_find(const void *image, const char *name, const char *version);

#endif
