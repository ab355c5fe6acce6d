/* SPDX-License-Identifier: MIT */
/* Whose memory this is: a vfork child that ends is not the process whose memory it borrows. */
#ifndef REPORT_OWNER_H
#define REPORT_OWNER_H

#include "compiler.h"

/* Whether the calling process borrows its parent's memory until it ends or executes a program. Async-signal-safe. */
HIDDEN bool owner_is_another(int pid);

#endif
