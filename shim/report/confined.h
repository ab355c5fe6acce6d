/* SPDX-License-Identifier: MIT */
/*
 * Whether the program has confined itself: then a filter may kill it for the system calls that a line takes, and there
 * is no way to ask which. Seen through prctl(2): a filter needs PR_SET_SECCOMP or, without privileges,
 * PR_SET_NO_NEW_PRIVS. Not seen: seccomp(2) by a process that has CAP_SYS_ADMIN and does without PR_SET_NO_NEW_PRIVS;
 * and a filter from before the program was executed.
 */
#ifndef REPORT_CONFINED_H
#define REPORT_CONFINED_H

#include "compiler.h"

HIDDEN extern bool confined;

#endif
