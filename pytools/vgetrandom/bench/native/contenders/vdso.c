/* SPDX-License-Identifier: MIT */
/* vDSO, bare */
#include "references.h"
#include "worker.h"

const char *contender_prepare(void)
{
	const char *reason = vdso_prepare();

	if (!reason)
		offer("vdso", draw_from_vdso, ANY_SIZE);
	return reason;
}
