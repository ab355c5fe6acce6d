/* SPDX-License-Identifier: MIT */
/* errno. What must stay true: libc's function is not called before the loader has relocated this library. */
#include "error.h"

#include <errno.h>

#include "export.h"

WEAK int *__errno_location(void);

bool error_has_errno(void)
{
	return __errno_location != NULL;
}

/* An IFUNC resolver of another library may call us before that. */
static bool relocated(void)
{
	static const bool *const volatile here __attribute__((section(".data.rel.ro"))) = (const bool *)&here;

	return here == (const bool *)&here;
}

COLD long error_return(long answer)
{
	if (relocated() && error_has_errno())
		errno = (int)-answer;
	return -1;
}
