/* SPDX-License-Identifier: MIT */
#include "imports.h"

#include "export.h"

extern WEAK char **environ;
WEAK int *__errno_location(void);
WEAK unsigned long getauxval(unsigned long type);

const volatile struct imports imports __attribute__((section(".data.rel.ro"))) = { __errno_location, getauxval, &environ };
