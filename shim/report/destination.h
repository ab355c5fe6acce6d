/* SPDX-License-Identifier: MIT */
/* Where reports go, as VGETRANDOM_REPORT says: the path of a file that is there, or fd:N, a descriptor that is open. */
#ifndef REPORT_DESTINATION_H
#define REPORT_DESTINATION_H

#include "compiler.h"

/* At load: what the environment says, and which file a named descriptor is. AT_SECURE processes have no destination. */
HIDDEN void destination_init(void);

HIDDEN bool destination_is_known(void);

/*
 * Write a line, whole or not at all where the kernel can promise that. Never waits, raises no signal, creates no file,
 * and leaves alone a descriptor that is another file's by now. errno is untouched. Async-signal-safe.
 */
HIDDEN void destination_write(const char *line, size_t length);

#endif
