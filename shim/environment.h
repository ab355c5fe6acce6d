/* SPDX-License-Identifier: MIT */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "names.h"

/* The value of a variable, or NULL: unset, or this process is AT_SECURE (set-uid and the like) and must not look. */
const char *environment_get(const char *name);

#endif
