/* SPDX-License-Identifier: MIT */
/*
 * Large requests: a key for this one call from the vDSO, expanded by wide vectors (docs/how-it-
 * works.md, "Large requests"). Thread-safe, async-signal-safe.
 */
#ifndef BULK_H
#define BULK_H

#include "chacha/chacha.h"

/* As fill(), for arguments that getrandom(2) accepts, with what chacha_for() chose for `len`. */
long bulk_fill(void *buf, size_t len, unsigned int flags, chacha_expand *expand);

#endif
