/* SPDX-License-Identifier: MIT */
#ifndef CORE_VDSO_H
#define CORE_VDSO_H

#include "core.h"

/*
 * The address of the function `name` with version `version` in the vDSO image that begins at `image`,
 * or NULL. Reads the image only, and does not trust it to be complete.
 */
void *vdso_find(const void *image, const char *name, const char *version);

/*
 * Ask `entry`, the vDSO's getrandom, for its parameters: sets the fields of `core` about states, which need
 * core.page_size. False when it does not tell them, or tells unusable ones; then `core` is as it was.
 */
bool vdso_parameters(vdso_getrandom *entry);

#endif
