/* SPDX-License-Identifier: MIT */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

#include "names.h"

/*
 * VGETRANDOM_REPORT=PATH or fd:N: append one line of JSON when the process exits. report_init() keeps the
 * destination, for programs overwrite their environment; report_write() writes at most once a process.
 */
void report_init(void);
bool report_wanted(void);
void report_write(void);

#endif
