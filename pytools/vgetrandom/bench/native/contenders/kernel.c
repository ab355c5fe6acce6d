/* SPDX-License-Identifier: MIT */
/* system call */
#include "references.h"
#include "worker.h"

const char *contender_prepare(void)
{
	offer("kernel", draw_by_system_call, ANY_SIZE);
	return NULL;
}
