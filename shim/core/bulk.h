/* SPDX-License-Identifier: MIT */
/*
 * Large requests: a key for this one call from the vDSO, expanded by wide vectors (docs/how-it-
 * works.md, "Large requests"). Thread-safe, async-signal-safe.
 */
#ifndef CORE_BULK_H
#define CORE_BULK_H

#include "chacha/chacha.h"

/* As draw(), for arguments that getrandom(2) accepts, with what chacha_for() chose for `len`. */
long bulk_draw(void *buf, size_t len, unsigned int flags, chacha_expand *expand);

#endif
