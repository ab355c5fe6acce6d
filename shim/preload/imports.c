/* SPDX-License-Identifier: MIT */
#include "core.h"

#include "export.h"
#include "imports.h"

extern WEAK char **environ;
WEAK int *__errno_location(void);
WEAK unsigned long getauxval(unsigned long type);

const volatile struct imports imports __attribute__((section(".data.rel.ro"), aligned(IMPORTS_ALIGN))) = {
	__errno_location, getauxval, &environ,
};
