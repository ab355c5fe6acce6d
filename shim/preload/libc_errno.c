/* SPDX-License-Identifier: MIT */
/* errno. */
#include "libc_errno.h"

#include "imports.h"

bool libc_errno_is_there(void)
{
	return imports.errno_location;
}

COLD long libc_errno_return(long answer)
{
	if (libc_errno_is_there())
		*imports.errno_location() = (int)-answer;
	return -1;
}
