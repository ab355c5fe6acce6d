/* SPDX-License-Identifier: MIT */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>

#define environment_lists vgetrandom_environment_lists
#define environment_says_off vgetrandom_environment_says_off

/*
 * Whether a variable's value, words between commas, has this word. Always false in a process that is AT_SECURE
 * (set-uid and the like), which must not obey its environment.
 */
bool environment_lists(const char *name, const char *word);

/* Whether VGETRANDOM says off, in any of the words that people use for it. */
bool environment_says_off(void);

#endif
