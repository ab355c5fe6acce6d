/* SPDX-License-Identifier: MIT */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>

#include "names.h"

/*
 * The value of a variable, or NULL: unset, or this process is AT_SECURE (set-uid and the like) and
 * must not look.
 */
const char *environment_get(const char *name);

/* Whether a variable's value, words between commas, has this word. */
bool environment_lists(const char *name, const char *word);

#endif
